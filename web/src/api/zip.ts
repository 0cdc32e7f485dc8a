import { refusal } from './aws';

/** A file of a zip. */
export interface Entry {
  name: string;
  size: number;
}

/** How much of the end of a zip holds its table of contents, unless it is a very large one. */
const tail = 1 << 20;

/** contents lists the files of a zip behind a URL. Only its end is read, where the table of contents is. */
export async function contents(url: string, signal?: AbortSignal): Promise<Entry[]> {
  const res = await fetch(url, { headers: { range: `bytes=-${tail}` }, signal });
  if (!res.ok) throw await refusal(res);
  const bytes = new DataView(await res.arrayBuffer());
  const whole = Number(/\/(\d+)$/.exec(res.headers.get('content-range') ?? '')?.[1] ?? bytes.byteLength);
  return entries(bytes, whole - bytes.byteLength);
}

/** entries reads the central directory (APPNOTE.TXT 4.3.12) from the end of a zip that begins at an offset. */
export function entries(bytes: DataView, offset: number): Entry[] {
  let end = bytes.byteLength - 22;
  while (end >= 0 && bytes.getUint32(end, true) !== 0x06054b50) end--;
  if (end < 0) throw new Error('This is no zip.');
  const count = bytes.getUint16(end + 10, true);
  let at = bytes.getUint32(end + 16, true) - offset;
  if (count === 0xffff || at < 0) throw new Error('This zip has more files than can be listed here. Download it instead.');
  const list: Entry[] = [];
  for (let i = 0; i < count; i++) {
    if (at + 46 > bytes.byteLength || bytes.getUint32(at, true) !== 0x02014b50) throw new Error('The table of contents of this zip is damaged.');
    const length = bytes.getUint16(at + 28, true);
    const name = new TextDecoder().decode(bytes.buffer.slice(bytes.byteOffset + at + 46, bytes.byteOffset + at + 46 + length));
    if (!name.endsWith('/')) list.push({ name, size: bytes.getUint32(at + 24, true) });
    at += 46 + length + bytes.getUint16(at + 30, true) + bytes.getUint16(at + 32, true);
  }
  return list;
}
