import type { FlashbarProps } from '@cloudscape-design/components/flashbar';
import { useSyncExternalStore } from 'react';

type Items = FlashbarProps.MessageDefinition[];
let items: Items = [];
let count = 0;
const listeners = new Set<() => void>();

function set(next: Items) {
  items = next;
  for (const f of listeners) f();
}

/** Says something above the page: that it was done, or why not. */
export function say(type: FlashbarProps.Type, content: string, header?: string) {
  const id = String(++count);
  const dismiss = () => set(items.filter((i) => i.id !== id));
  set([...items.slice(-3), { id, type, header, content, dismissible: true, dismissLabel: '×', onDismiss: dismiss }]);
  if (type === 'success') setTimeout(dismiss, 8000);
}

/** Tells why something was refused. */
export const complain = (e: unknown) => say('error', e instanceof Error ? e.message : String(e), e instanceof Error ? e.name : undefined);

function subscribe(f: () => void) {
  listeners.add(f);
  return () => void listeners.delete(f);
}

export const useFlash = () => useSyncExternalStore(subscribe, () => items);
