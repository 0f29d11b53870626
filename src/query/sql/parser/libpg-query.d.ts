/** The Emscripten factory inside `libpg-query`, which ships without types. Only what `parser.ts` calls. */
declare module 'libpg-query/wasm/libpg-query.js' {
  export interface LibPgQuery {
    _malloc(bytes: number): number;
    _free(pointer: number): void;
    _wasm_parse_query_raw(query: number): number;
    _wasm_free_parse_result(result: number): void;
    getValue(pointer: number, type: 'i32'): number;
    UTF8ToString(pointer: number): string;
    /** All of its memory, as it is now: larger memory is another array. */
    readonly HEAPU8: Uint8Array<ArrayBuffer>;
  }
  const factory: () => Promise<LibPgQuery>;
  export default factory;
}
