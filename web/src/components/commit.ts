/** A source revision as a person reads it: the start of its id, and the first line of what it says. */
export function commit(r?: { revisionId?: string; revisionSummary?: string }): { id: string; message: string } {
  const summary = r?.revisionSummary ?? '';
  const id = (r?.revisionId ?? '').slice(0, 8);
  try {
    const parsed = JSON.parse(summary) as { CommitMessage?: string };
    return { id, message: parsed.CommitMessage ?? summary };
  } catch {
    return { id, message: summary.split('\n')[0] ?? '' };
  }
}
