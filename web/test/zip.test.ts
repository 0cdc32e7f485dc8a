import { expect, test } from 'vitest';
import { entries } from '../src/api/zip';

/** directory is the end of a zip: its central directory, which begins at an offset, and the record behind it. */
function directory(names: string[], offset: number): DataView {
  const parts = names.map((name) => {
    const text = new TextEncoder().encode(name);
    const entry = new DataView(new ArrayBuffer(46 + text.length));
    entry.setUint32(0, 0x02014b50, true);
    entry.setUint32(24, name.length * 10, true);
    entry.setUint16(28, text.length, true);
    new Uint8Array(entry.buffer).set(text, 46);
    return new Uint8Array(entry.buffer);
  });
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(10, names.length, true);
  end.setUint32(16, offset, true);
  const all = [...parts, new Uint8Array(end.buffer)];
  return new DataView(Uint8Array.from(all.flatMap((p) => [...p])).buffer);
}

test('the table of contents is read from the end of a zip', () => {
  expect(entries(directory(['index.html', 'img/', 'img/로고.svg'], 5000), 5000)).toEqual([{ name: 'index.html', size: 100 }, { name: 'img/로고.svg', size: 100 }]);
  expect(entries(directory([], 0), 0)).toEqual([]);
});

test('what is no zip, or too much of one, is told', () => {
  expect(() => entries(new DataView(new ArrayBuffer(100)), 0)).toThrow('no zip');
  expect(() => entries(directory(['a'], 10), 20)).toThrow('Download it');
  const damaged = directory(['a'], 0);
  damaged.setUint32(0, 1, true);
  expect(() => entries(damaged, 0)).toThrow('damaged');
});
