import { createContext, useContext, useMemo, type ReactNode } from 'react';
import { IntlMessageFormat } from 'intl-messageformat'; // the copy Cloudscape bundles
import type { en } from './en';

export type Key = keyof typeof en;
export type Locale = 'en' | 'ko';
/** A language has every text: one that is missing does not compile. */
export type Catalog = Record<Key, string>;

export interface Words {
  locale: Locale;
  setLocale: (locale: Locale) => void;
  t: (key: Key, values?: Record<string, string | number>) => string;
  /** Date and time of epoch seconds. */
  at: (seconds?: number) => string;
  /** How long ago. */
  ago: (seconds?: number) => string;
  duration: (seconds?: number) => string;
}

const Context = createContext<Words | null>(null);

export function useWords(): Words {
  const words = useContext(Context);
  if (!words) throw new Error('useWords outside Language');
  return words;
}

export function words(locale: Locale, messages: Catalog, setLocale: (l: Locale) => void): Words {
  const formats = new Map<Key, IntlMessageFormat>();
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
      const h = Math.floor(s / 3600);
      const m = Math.floor(s / 60) % 60;
      const rest = Math.floor(s) % 60;
      if (h) return `${unit(h, 'hour')} ${unit(m, 'minute')}`;
      return m ? `${unit(m, 'minute')} ${unit(rest, 'second')}` : unit(rest, 'second');
    },
  };
}

export function Language(p: { locale: Locale; messages: Catalog; setLocale: (l: Locale) => void; children: ReactNode }) {
  const value = useMemo(() => words(p.locale, p.messages, p.setLocale), [p.locale, p.messages, p.setLocale]);
  return <Context value={value}>{p.children}</Context>;
}
