/** A turn of the machine's event loop: by then every promise that could settle has done so. */
export function turnOfTheEventLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
