// Zips behind URLs, of which only the parts that are wanted are read (APPNOTE.TXT 4.3).
import { refusal } from './aws';

/** A file of a zip. */
export interface Entry {
  name: string;
  size: number;
  /** How it lies in the zip: the bytes it takes, where it begins, and how it is packed. */
  packed: number;
  offset: number;
  method: number;
  encrypted: boolean;
}

export type ZipProblem = 'noZip' | 'damagedZip' | 'hugeZip' | 'hugeFile' | 'lockedFile' | 'oddlyPacked';

/** Why a zip, or a file of it, cannot be read here. */
export class ZipError extends Error {
  constructor(readonly problem: ZipProblem) {
    super(problem);
  }
}

/** How much of the end of a zip is read first: it holds the table of contents, unless that is a very large one. */
const tail = 1 << 20;
/** The longest table of contents that is read. */
const longest = 32 << 20;
/** The largest file that is taken out of a zip: it is held in memory. */
export const largest = 256 << 20;

const [endMark, entryMark, fileMark] = [0x06054b50, 0x02014b50, 0x04034b50];
const more = 0xffffffff; // the true number is in the extra field

/** contents lists the files of a zip behind a URL. Only its end is read, where the table of contents is. */
export async function contents(url: string, signal?: AbortSignal): Promise<Entry[]> {
  const { bytes, whole } = await ranged(url, `-${tail}`, signal);
  const offset = whole - bytes.byteLength;
  const start = directory(bytes).start;
  if (start >= offset) return entries(bytes, offset);
  if (whole - start > longest) throw new ZipError('hugeZip');
  return entries((await ranged(url, `${start}-${whole - 1}`, signal)).bytes, start);
}

/** ranged reads a part of what is behind a URL, and how long the whole is. */
async function ranged(url: string, range: string, signal?: AbortSignal): Promise<{ bytes: DataView<ArrayBuffer>; whole: number }> {
  const res = await fetch(url, { headers: { range: `bytes=${range}` }, signal });
  if (res.status === 416) throw new ZipError('noZip'); // it is empty
  if (!res.ok) throw await refusal(res);
  const bytes = new DataView(await res.arrayBuffer());
  return { bytes, whole: Number(/\/(\d+)$/.exec(res.headers.get('content-range') ?? '')?.[1] ?? bytes.byteLength) };
}

/** directory finds, from the end of a zip, how many files it has and where their list begins. */
function directory(bytes: DataView): { count: number; start: number } {
  let end = bytes.byteLength - 22;
  while (end >= 0 && bytes.getUint32(end, true) !== endMark) end--;
  if (end < 0) throw new ZipError('noZip');
  const [count, start] = [bytes.getUint16(end + 10, true), bytes.getUint32(end + 16, true)];
  if (count === 0xffff || start === more) throw new ZipError('hugeZip');
  return { count, start };
}

/** entries reads the central directory from the end of a zip that begins at an offset. */
export function entries(bytes: DataView<ArrayBuffer>, offset: number): Entry[] {
  const { count, start } = directory(bytes);
  let at = start - offset;
  if (at < 0) throw new ZipError('hugeZip');
  const list: Entry[] = [];
  for (let i = 0; i < count; i++) {
    if (at + 46 > bytes.byteLength || bytes.getUint32(at, true) !== entryMark) throw new ZipError('damagedZip');
    const [named, extra, comment] = [28, 30, 32].map((field) => bytes.getUint16(at + field, true)) as [number, number, number];
    const next = at + 46 + named + extra + comment;
    if (next > bytes.byteLength) throw new ZipError('damagedZip');
    const name = new TextDecoder().decode(new Uint8Array(bytes.buffer, bytes.byteOffset + at + 46, named));
    const [size, packed, begin] = large(new DataView(bytes.buffer, bytes.byteOffset + at + 46 + named, extra), [24, 20, 42].map((field) => bytes.getUint32(at + field, true)));
    if (!name.endsWith('/')) list.push({ name, size, packed, offset: begin, method: bytes.getUint16(at + 10, true), encrypted: (bytes.getUint16(at + 8, true) & 1) === 1 });
    at = next;
  }
  return list;
}

/** large replaces the numbers that are too large for their places by those of the extra field (ZIP64, 4.5.3). */
function large(extra: DataView, [size = 0, packed = 0, offset = 0]: number[]): [number, number, number] {
  const numbers: [number, number, number] = [size, packed, offset];
  if (!numbers.includes(more)) return numbers;
  let at = 0;
  while (at + 4 <= extra.byteLength && extra.getUint16(at, true) !== 1) at += 4 + extra.getUint16(at + 2, true);
  at += 4;
  for (const i of numbers.keys()) {
    if (numbers[i] !== more) continue;
    if (at + 8 > extra.byteLength) throw new ZipError('damagedZip');
    numbers[i] = Number(extra.getBigUint64(at, true));
    at += 8;
  }
  return numbers;
}

/** take reads one file out of a zip. */
export async function take(url: string, e: Entry, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  if (e.encrypted) throw new ZipError('lockedFile');
  if (e.method !== 0 && e.method !== 8) throw new ZipError('oddlyPacked');
  if (Math.max(e.size, e.packed) > largest) throw new ZipError('hugeFile');
  if (!e.size) return new Uint8Array();
  const { bytes: head } = await ranged(url, `${e.offset}-${e.offset + 29}`, signal);
  if (head.byteLength !== 30 || head.getUint32(0, true) !== fileMark) throw new ZipError('damagedZip');
  const from = e.offset + 30 + head.getUint16(26, true) + head.getUint16(28, true);
  const { bytes } = await ranged(url, `${from}-${from + e.packed - 1}`, signal);
  if (bytes.byteLength !== e.packed) throw new ZipError('damagedZip');
  return unpacked(e, new Uint8Array(bytes.buffer));
}

/** unpacked is a file as it was before it was packed. It is never more than the zip says it is. */
export async function unpacked(e: Entry, packed: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const whole = new Uint8Array(e.size);
  let length = 0;
  const source = new Blob([packed]).stream();
  const reader = (e.method === 8 ? source.pipeThrough(new DecompressionStream('deflate-raw')) : source).getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      if (length + part.value.length > e.size) throw new ZipError('damagedZip');
      whole.set(part.value, length);
      length += part.value.length;
    }
  } catch {
    throw new ZipError('damagedZip');
  }
  if (length !== e.size) throw new ZipError('damagedZip');
  return whole;
}
