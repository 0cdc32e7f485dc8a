import { deflateRawSync } from 'node:zlib';
import { afterEach, expect, test, vi } from 'vitest';
import { contents, entries, take, unpacked, ZipError } from '../src/api/zip';

afterEach(() => vi.unstubAllGlobals());

interface File {
  name: string;
  text: string;
  stored?: boolean;
  encrypted?: boolean;
  /** Its numbers are in the extra field, as those of huge files are. */
  large?: boolean;
}

const bytes = (length: number, write: (v: DataView) => void, ...tail: Uint8Array[]) => {
  const head = new DataView(new ArrayBuffer(length));
  write(head);
  return Buffer.concat([new Uint8Array(head.buffer), ...tail]);
};

/** zip packs files as the tools do: each behind its header, then the table of contents, then where that is. */
function zip(...files: File[]): Buffer {
  const [locals, central]: [Buffer[], Buffer[]] = [[], []];
  let offset = 0;
  for (const f of files) {
    const name = new TextEncoder().encode(f.name);
    const plain = new TextEncoder().encode(f.text);
    const packed = f.stored ? plain : deflateRawSync(plain);
    const method = f.stored ? 0 : 8;
    const local = bytes(30, (v) => (v.setUint32(0, 0x04034b50, true), v.setUint16(26, name.length, true), v.setUint16(28, 3, true)), name, new Uint8Array(3), packed);
    const numbers = [plain.length, packed.length, offset];
    const extra = f.large ? bytes(28, (v) => (v.setUint16(0, 1, true), v.setUint16(2, 24, true), numbers.forEach((n, i) => v.setBigUint64(4 + 8 * i, BigInt(n), true)))) : new Uint8Array();
    central.push(bytes(46, (v) => {
      v.setUint32(0, 0x02014b50, true);
      v.setUint16(8, f.encrypted ? 1 : 0, true);
      v.setUint16(10, method, true);
      [24, 20, 42].forEach((at, i) => v.setUint32(at, f.large ? 0xffffffff : (numbers[i] ?? 0), true));
      v.setUint16(28, name.length, true);
      v.setUint16(30, extra.length, true);
    }, name, extra));
    locals.push(local);
    offset += local.length;
  }
  const end = bytes(22, (v) => (v.setUint32(0, 0x06054b50, true), v.setUint16(10, files.length, true), v.setUint32(16, offset, true)));
  return Buffer.concat([...locals, ...central, end]);
}

const view = (b: Uint8Array) => new DataView(Uint8Array.from(b).buffer);

/** serve answers requests for ranges of a body, and tells which were asked for. */
function serve(body: Buffer): string[] {
  const asked: string[] = [];
  vi.stubGlobal('fetch', async (_: string, init: { headers: { range: string } }) => {
    asked.push(init.headers.range);
    const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(init.headers.range) ?? [];
    if (!body.length) return new Response('', { status: 416 });
    const start = from ? Number(from) : Math.max(0, body.length - Number(to));
    const part = body.subarray(start, from ? Number(to) + 1 : undefined);
    return new Response(Uint8Array.from(part), { status: 206, headers: { 'content-range': `bytes ${start}-${start + part.length - 1}/${body.length}` } });
  });
  return asked;
}

const problem = (of: Promise<unknown>) => of.then(() => 'none', (e: unknown) => (e instanceof ZipError ? e.problem : e));

test('a zip is listed by its end, and one file taken out by its own part', async () => {
  const asked = serve(zip({ name: 'big.bin', text: 'x'.repeat(3 << 20), stored: true }, { name: 'img/', text: '' }, { name: 'img/로고.svg', text: '<svg/>'.repeat(50) }, { name: 'last', text: 'stored', stored: true }));
  const list = await contents('zip');
  expect(list.map((e) => [e.name, e.size])).toEqual([['big.bin', 3 << 20], ['img/로고.svg', 300], ['last', 6]]);
  expect(asked).toEqual([`bytes=-${1 << 20}`]);
  const read = async (i: number) => new TextDecoder().decode(await take('zip', list[i]!));
  expect(await read(1)).toBe('<svg/>'.repeat(50));
  expect(await read(2)).toBe('stored');
  expect(asked).toHaveLength(5);
});

test('a table of contents that is longer than the end is read from its beginning', async () => {
  const asked = serve(zip(...Array.from({ length: 20_000 }, (_, i) => ({ name: `a/rather/long/folder/for/a/file/${i}`, text: '', stored: true }))));
  expect(await contents('zip')).toHaveLength(20_000);
  expect(asked).toHaveLength(2);
});

test('numbers that are too large for their places are read from the extra field', async () => {
  serve(zip({ name: 'a', text: 'first' }, { name: 'b', text: 'second', large: true }));
  const list = await contents('zip');
  expect(new TextDecoder().decode(await take('zip', list[1]!))).toBe('second');
});

test('what is no zip, too much of one, or damaged is told', async () => {
  serve(Buffer.alloc(0));
  expect(await problem(contents('empty'))).toBe('noZip');
  serve(Buffer.alloc(100));
  expect(await problem(contents('zeros'))).toBe('noZip');
  const whole = view(zip({ name: 'a', text: 'b' }));
  expect(() => entries(whole, 60)).toThrow('hugeZip');
  const [a] = entries(whole, 0);
  serve(zip({ name: 'a', text: 'b', encrypted: true }));
  expect(await problem(contents('zip').then(([e]) => take('zip', e!)))).toBe('lockedFile');
  serve(Buffer.alloc(100));
  expect(await problem(take('zip', a!))).toBe('damagedZip');
  expect(await problem(take('zip', { ...a!, method: 12 }))).toBe('oddlyPacked');
  expect(await problem(take('zip', { ...a!, size: 2 ** 40 }))).toBe('hugeFile');
});

test('a file never becomes more than its zip says', async () => {
  const bomb = Uint8Array.from(deflateRawSync(Buffer.alloc(1 << 20)));
  const entry = { name: 'a', size: 10, packed: bomb.length, offset: 0, method: 8, encrypted: false };
  expect(await problem(unpacked(entry, bomb))).toBe('damagedZip');
  expect(await problem(unpacked({ ...entry, size: 2 << 20 }, bomb))).toBe('damagedZip');
  expect(await unpacked({ ...entry, size: 1 << 20 }, bomb)).toHaveLength(1 << 20);
});

test('whatever is changed in a zip, it is read or refused', () => {
  const whole = zip({ name: 'index.html', text: 'a page' }, { name: 'b', text: 'second', large: true });
  let seed = 1;
  const random = (n: number) => (seed = (seed * 48271) % 2147483647) % n;
  for (let i = 0; i < 5000; i++) {
    const changed = Uint8Array.from(whole.subarray(0, random(4) ? undefined : random(whole.length)));
    for (let n = random(4); n >= 0 && changed.length; n--) changed[random(changed.length)] = random(256);
    try {
      entries(view(changed), random(3) ? 0 : random(50));
    } catch (e) {
      expect(e).toBeInstanceOf(ZipError);
    }
  }
});
