import { I18nProvider, type I18nProviderProps } from '@cloudscape-design/components/i18n';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { BrowserRouter } from 'react-router';
import { AwsError } from './api/aws';
import { Language, type Catalog, type Locale } from './i18n';
import { remembered, remember } from './remember';
import { Shell } from './shell';

const queries = new QueryClient({
  defaultOptions: { queries: { staleTime: 5_000, retry: (n, e) => n < 2 && !(e instanceof AwsError && e.status < 500) } },
});

interface Texts {
  locale: Locale;
  own: Catalog;
  library: I18nProviderProps.Messages;
}

const languages: Record<Locale, () => Promise<Texts>> = {
  async en() {
    const [own, library] = await Promise.all([import('./i18n/en'), import('@cloudscape-design/components/i18n/messages/all.en')]);
    return { locale: 'en', own: own.en, library: library.default };
  },
  async ko() {
    const [own, library] = await Promise.all([import('./i18n/ko'), import('@cloudscape-design/components/i18n/messages/all.ko')]);
    return { locale: 'ko', own: own.ko, library: library.default };
  },
};

const firstLocale = (): Locale => ((remembered('language') ?? navigator.language).startsWith('ko') ? 'ko' : 'en');

export function App() {
  const [locale, setLocale] = useState<Locale>(firstLocale);
  const [texts, setTexts] = useState<Texts>();
  useEffect(() => {
    let wanted = true;
    void languages[locale]().then((next) => {
      if (!wanted) return;
      remember('language', locale);
      document.documentElement.lang = locale;
      setTexts(next);
    });
    return () => void (wanted = false);
  }, [locale]);
  if (!texts) return null;
  return (
    <QueryClientProvider client={queries}>
      <I18nProvider locale={texts.locale} messages={[texts.library]}>
        <Language locale={texts.locale} messages={texts.own} setLocale={setLocale}>
          <BrowserRouter basename="/conveyor">
            <Shell />
          </BrowserRouter>
        </Language>
      </I18nProvider>
    </QueryClientProvider>
  );
}
