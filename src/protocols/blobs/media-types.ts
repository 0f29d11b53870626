/** Which type a file extension implies, and which content is worth compressing. */

const TYPES: Readonly<Record<string, string>> = {
  '.avif': 'image/avif',
  '.bin': 'application/octet-stream',
  '.bmp': 'image/bmp',
  '.br': 'application/x-brotli',
  '.bz2': 'application/x-bzip2',
  '.c': 'text/x-c; charset=utf-8',
  '.cpp': 'text/x-c++; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.csv': 'text/csv; charset=utf-8',
  '.gif': 'image/gif',
  '.go': 'text/x-go; charset=utf-8',
  '.gz': 'application/gzip',
  '.h': 'text/x-c; charset=utf-8',
  '.htm': 'text/html; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.java': 'text/x-java; charset=utf-8',
  '.jpeg': 'image/jpeg',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.md': 'text/markdown; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.mov': 'video/quicktime',
  '.mp3': 'audio/mpeg',
  '.mp4': 'video/mp4',
  '.pdf': 'application/pdf',
  '.php': 'text/x-php; charset=utf-8',
  '.png': 'image/png',
  '.py': 'text/x-python; charset=utf-8',
  '.rar': 'application/vnd.rar',
  '.rb': 'text/x-ruby; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.tar': 'application/x-tar',
  '.tif': 'image/tiff',
  '.tiff': 'image/tiff',
  '.ts': 'text/typescript; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.wav': 'audio/wav',
  '.webm': 'video/webm',
  '.webp': 'image/webp',
  '.xml': 'text/xml; charset=utf-8',
  '.xz': 'application/x-xz',
  '.zip': 'application/zip',
  '.zst': 'application/zstd',
};

/** The type of a file name or extension; undefined when it tells none. */
export function typeOfName(name: string): string | undefined {
  const dot = name.lastIndexOf('.');
  const extension = dot < 0 ? '' : name.slice(dot).toLowerCase();
  return Object.hasOwn(TYPES, extension) ? TYPES[extension] : undefined;
}

const WORTH = new Set(
  '.svg .bmp .wav .pdf .txt .html .htm .css .js .json .php .java .go .rb .c .cpp .h .hpp'.split(' '),
);
const NOT_WORTH = new Set('.zip .rar .gz .bz2 .xz .zst .br .png .jpg .jpeg'.split(' '));

/** Whether to try gzip, by type and, where that says nothing, by extension. */
export function isCompressible(mime: string, extension: string): boolean {
  const suffix = extension.toLowerCase();
  if (mime.startsWith('text/')) return true;
  if (NOT_WORTH.has(suffix)) return false;
  if (WORTH.has(suffix)) return true;
  if (mime.startsWith('image/')) return mime.startsWith('image/svg') || mime === 'image/bmp';
  const type = mime.split(';')[0]!.trim();
  if (type.startsWith('application/')) return type.endsWith('xml') || type.endsWith('script') || type.endsWith('json');
  return /^audio\/(?:x-)?wav$|^audio\/wave$/.test(type);
}
