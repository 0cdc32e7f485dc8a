import { expect, test } from 'vitest';
import { chosen, dropped, most, TooManyFiles } from '../src/api/folders';

const file = (name: string) => new File(['text'], name);

/** What browsers hand over of a dropped file or folder; folders are listed in portions of two. */
const fileEntry = (fullPath: string) => ({ isFile: true, fullPath, file: (done: (f: File) => void) => done(file(fullPath.split('/').pop() ?? '')) });
const folderEntry = (...children: object[]) => ({
  isFile: false,
  createReader() {
    let rest = children;
    return { readEntries: (done: (some: object[]) => void) => (done(rest.slice(0, 2)), (rest = rest.slice(2))) };
  },
});
const drop = (...entries: object[]) => ({ items: entries.map((e) => ({ webkitGetAsEntry: () => e })), files: [] }) as unknown as DataTransfer;

test('a dropped folder brings all its files, with the folders they lie in', async () => {
  const site = folderEntry(fileEntry('/site/index.html'), fileEntry('/site/a'), folderEntry(fileEntry('/site/img/logo.svg')), folderEntry());
  const found = await dropped(drop(fileEntry('/notes.txt'), site));
  expect(found.map((f) => f.path)).toEqual(['notes.txt', 'site/index.html', 'site/a', 'site/img/logo.svg']);
  expect(found[3]?.file.name).toBe('logo.svg');
});

test('files without folders are called by their names', async () => {
  const transfer = { items: [{ webkitGetAsEntry: () => null }], files: [file('a.txt')] } as unknown as DataTransfer;
  expect((await dropped(transfer)).map((f) => f.path)).toEqual(['a.txt']);
  expect(chosen([Object.defineProperty(file('b'), 'webkitRelativePath', { value: 'site/b' })])[0]?.path).toBe('site/b');
});

test('more files than one can watch are refused', async () => {
  const many = folderEntry(...Array.from({ length: most + 1 }, (_, i) => fileEntry(`/many/${i}`)));
  await expect(dropped(drop(many))).rejects.toBeInstanceOf(TooManyFiles);
});
