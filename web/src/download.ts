/** Hands what the page holds to the browser as a file. */
export function save(name: string, content: BlobPart | Uint8Array, type = 'application/octet-stream'): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([content as BlobPart], { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
