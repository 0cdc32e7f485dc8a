// Documents as people wrote them. No HTML of theirs reaches the page: the library makes elements of what it understands
// and leaves out the rest, addresses other than those of the web and of mail become none, and no picture comes from
// another host.
import Link from '@cloudscape-design/components/link';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import Markdown, { type Components } from 'react-markdown';
import remarkGfm from 'remark-gfm';
import { bytes, codePath, dataURL, fileQ, pictureType } from '../api/code';
import { LinkTo } from '../components/link-to';
import './markdown.css';
import { resolvePath } from './paths';
import type { Token } from './tokens';

/** Where a document lies: what its relative links and pictures are relative to. */
export interface Place {
  repository: string;
  ref: string;
  path: string;
}

/** A document. Without a place its relative links and pictures lead nowhere. */
export default function Document({ text, place }: { text: string; place?: Place }) {
  const components: Components = {
    a: ({ href, children }) => <Anchor href={href ?? ''} place={place}>{children}</Anchor>,
    img: ({ src, alt }) => <Picture src={typeof src === 'string' ? src : ''} alt={alt ?? ''} place={place} />,
    pre: ({ children }) => <>{children}</>,
    code: ({ className, children }) => {
      const body = typeof children === 'string' ? children : '';
      return className || body.includes('\n') ? <Block text={body.replace(/\n$/, '')} language={className?.replace('language-', '')} /> : <code>{children}</code>;
    },
    input: ({ checked }) => <input type="checkbox" checked={!!checked} readOnly disabled aria-label={checked ? '☑' : '☐'} />,
    table: ({ children }) => <div className="md-table" role="region" aria-label="table" tabIndex={0}><table>{children}</table></div>,
  };
  return <div className="markdown"><Markdown remarkPlugins={[remarkGfm]} skipHtml components={components}>{text}</Markdown></div>;
}

function Anchor({ href, place, children }: { href: string; place?: Place; children: React.ReactNode }) {
  if (/^(https?|mailto):/i.test(href)) return <Link href={href} external rel="noopener noreferrer" target="_blank">{children}</Link>;
  const path = place && !href.startsWith('#') ? resolvePath(place.path, href) : undefined;
  return path === undefined || !place ? <>{children}</> : <LinkTo to={codePath(place.repository, 'file', { ref: place.ref, path })}>{children}</LinkTo>;
}

/** A picture of the repository. One of another host would tell it who reads: it is named, and a link. */
function Picture({ src, alt, place }: { src: string; alt: string; place?: Place }) {
  const path = place && !/^[a-z]+:/i.test(src) ? resolvePath(place.path, src) : undefined;
  const type = pictureType(path ?? '');
  const file = useQuery({ ...fileQ(place?.repository ?? '', place?.ref ?? '', path ?? ''), enabled: !!path && !!type });
  if (type && file.data?.fileContent) return <img alt={alt} src={dataURL(type, bytes(file.data.fileContent))} />;
  return /^https?:/i.test(src) ? <Link href={src} external rel="noopener noreferrer" target="_blank">{alt || src}</Link> : <em>{alt}</em>;
}

function Block({ text, language }: { text: string; language?: string }) {
  const [lines, setLines] = useState<Token[][]>();
  useEffect(() => {
    let wanted = true;
    if (language) void import('./highlight').then((h) => wanted && setLines(h.colourBlock(text, language)));
    return () => void (wanted = false);
  }, [text, language]);
  return (
    <pre className="code-box md-code" tabIndex={0}>
      {lines ? lines.map((line, i) => <span key={i}>{line.map((s, k) => <span key={k} className={s.classes}>{s.text}</span>)}{'\n'}</span>) : text}
    </pre>
  );
}
