/** resolvePath finds what a link in a document means: a path relative to the document's folder, or from the root with a
 * slash. Undefined when it leaves the repository. */
export function resolvePath(document: string, link: string): string | undefined {
  const clean = link.split(/[?#]/)[0] ?? '';
  let wanted: string;
  try {
    wanted = decodeURIComponent(clean);
  } catch {
    return undefined;
  }
  const parts = wanted.startsWith('/') ? [] : document.split('/').slice(0, -1);
  for (const part of wanted.split('/')) {
    if (part === '..') {
      if (!parts.length) return undefined;
      parts.pop();
    } else if (part && part !== '.') {
      parts.push(part);
    }
  }
  return parts.join('/') || undefined;
}
