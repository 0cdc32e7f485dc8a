import Input from '@cloudscape-design/components/input';
import { useState } from 'react';

const namesOf = (text: string) => text.split(',').map((s) => s.trim()).filter(Boolean);

export const linesOf = (text: string) => (text === '' ? [] : text.split('\n'));

/** Names, as people type them: separated by commas. */
export function Names({ value, onChange }: { value: string[]; onChange: (names: string[]) => void }) {
  const [text, setText] = useState(value.join(', '));
  return <Input value={text} onChange={(e) => (setText(e.detail.value), onChange(namesOf(e.detail.value)))} />;
}
