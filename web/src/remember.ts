/** What this browser remembers of a person's choices. Without storage it forgets. */
export function remembered(key: string): string | null {
  try {
    return localStorage.getItem(`conveyor-${key}`);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(`conveyor-${key}`, value);
  } catch {
    // a browser that keeps nothing still works
  }
}
