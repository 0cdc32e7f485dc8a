import { createContext, useContext, useMemo, type ReactNode } from 'react';
import { IntlMessageFormat } from 'intl-messageformat'; // the copy Cloudscape bundles
import type { en } from './en';

export type Key = keyof typeof en;
export type Locale = 'en' | 'ko';
/** A language has every text: one that is missing does not compile. */
export type Catalog = Record<Key, string>;

export interface Words<K extends string = Key> {
  locale: Locale;
  setLocale: (locale: Locale) => void;
  t: (key: K, values?: Record<string, string | number>) => string;
  /** Date and time of epoch seconds. */
  at: (seconds?: number) => string;
  /** How long ago. */
  ago: (seconds?: number) => string;
  duration: (seconds?: number) => string;
  /** So many bytes, in units of thousands. */
  size: (bytes?: number) => string;
}

const Context = createContext<(Words & { messages: Catalog }) | null>(null);

function useLanguage() {
  const language = useContext(Context);
  if (!language) throw new Error('words are used outside Language');
  return language;
}

export const useWords = (): Words => useLanguage();

/** vocabulary makes the words of one part of the console: its own texts beside the common ones. They travel with the
 * pages that use them, not with the first load. A text that one language lacks does not compile. */
export function vocabulary<K extends string>(texts: Record<Locale, Record<K, string>>) {
  const known = new WeakMap<Words, Words<K | Key>>();
  function usePart(): Words<K | Key> {
    const base = useLanguage();
    let own = known.get(base);
    if (!own) known.set(base, (own = words<K | Key>(base.locale, { ...base.messages, ...texts[base.locale] }, base.setLocale)));
    return own;
  }
  return Object.assign(usePart, { texts });
}

const units = ['B', 'kB', 'MB', 'GB', 'TB'];

export function words<K extends string>(locale: Locale, messages: Record<K, string>, setLocale: (l: Locale) => void): Words<K> {
  const formats = new Map<K, IntlMessageFormat>();
  const date = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
  const unit = (n: number, name: string) => new Intl.NumberFormat(locale, { style: 'unit', unit: name, unitDisplay: 'narrow' }).format(n);
  return {
    locale,
    setLocale,
    t(key, values) {
      let format = formats.get(key);
      if (!format) formats.set(key, (format = new IntlMessageFormat(messages[key], locale)));
      return String(format.format(values));
    },
    at: (s) => (s ? date.format(s * 1000) : '–'),
    ago(s) {
      if (!s) return '–';
      const past = s - Date.now() / 1000;
      const size = Math.abs(past);
      if (size < 60) return relative.format(Math.min(0, Math.round(past)), 'second');
      if (size < 3600) return relative.format(Math.round(past / 60), 'minute');
      if (size < 86400) return relative.format(Math.round(past / 3600), 'hour');
      return relative.format(Math.round(past / 86400), 'day');
    },
    duration(s) {
      if (s === undefined || Number.isNaN(s)) return '–';
      if (s < 0) return unit(0, 'second'); // the browser's clock is behind the server's
      if (s > 0 && s < 1) return unit(Math.max(1, Math.round(s * 1000)), 'millisecond');
      const h = Math.floor(s / 3600);
      const m = Math.floor(s / 60) % 60;
      const rest = Math.floor(s) % 60;
      if (h) return `${unit(h, 'hour')} ${unit(m, 'minute')}`;
      return m ? `${unit(m, 'minute')} ${unit(rest, 'second')}` : unit(rest, 'second');
    },
    size(bytes) {
      if (bytes === undefined) return '–';
      const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
      const n = bytes / 1000 ** power;
      return `${new Intl.NumberFormat(locale, { maximumFractionDigits: power && n < 10 ? 1 : 0 }).format(n)} ${units[power]}`;
    },
  };
}

export function Language(p: { locale: Locale; messages: Catalog; setLocale: (l: Locale) => void; children: ReactNode }) {
  const value = useMemo(() => ({ ...words(p.locale, p.messages, p.setLocale), messages: p.messages }), [p.locale, p.messages, p.setLocale]);
  return <Context value={value}>{p.children}</Context>;
}
