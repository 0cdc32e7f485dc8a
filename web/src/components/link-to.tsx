import Link, { type LinkProps } from '@cloudscape-design/components/link';
import type { ReactNode } from 'react';
import { useNavigate } from 'react-router';

/** A link to another page of the console. */
export function LinkTo({ to, children, fontSize }: { to: string; children: ReactNode; fontSize?: LinkProps['fontSize'] }) {
  const go = useNavigate();
  return (
    <Link
      href={`/conveyor${to}`}
      fontSize={fontSize}
      onFollow={(e) => {
        e.preventDefault();
        void go(to);
      }}
    >
      {children}
    </Link>
  );
}
