// Files that come in folders, dropped or chosen.

/** A file and where it lies in what was given: its name, behind those of its folders. */
export interface Placed {
  path: string;
  file: File;
}

/** The files that are taken at once: more than that are better sent by a pipeline or with the aws CLI. */
export const most = 10_000;

export class TooManyFiles extends Error {}

/** chosen places files by what a browser says of folders that were chosen. */
export const chosen = (files: File[]): Placed[] => limited(files.map((file) => ({ path: file.webkitRelativePath || file.name, file })));

/** dropped finds the files in what was dropped. It has to be called while the drop is told of: what was dropped cannot be
 * asked for later. */
export function dropped(transfer: DataTransfer): Promise<Placed[]> {
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  return entries.length ? inside(entries) : Promise.resolve(chosen([...transfer.files]));
}

async function inside(entries: FileSystemEntry[], found: Placed[] = []): Promise<Placed[]> {
  for (const entry of entries) {
    if (entry.isFile) found.push({ path: entry.fullPath.replace(/^\//, ''), file: await new Promise<File>((done, fail) => (entry as FileSystemFileEntry).file(done, fail)) });
    else await inside(await children(entry as FileSystemDirectoryEntry), found);
    limited(found);
  }
  return found;
}

/** children lists a folder, which browsers do in portions. */
async function children(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const [reader, all]: [FileSystemDirectoryReader, FileSystemEntry[]] = [folder.createReader(), []];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((done, fail) => reader.readEntries(done, fail));
    if (!some.length) return all;
    all.push(...some);
    limited(all);
  }
}

function limited<T>(list: T[]): T[] {
  if (list.length > most) throw new TooManyFiles(`more than ${most} files`);
  return list;
}
