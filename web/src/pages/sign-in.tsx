import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Form from '@cloudscape-design/components/form';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { useLocation, useNavigate } from 'react-router';
import { sessionQ } from '../api/queries';
import { signIn, type Credentials } from '../api/session';
import { ErrorBox } from '../components/error-box';
import { useWords } from '../i18n';

/** Signing in with an access key, or with the one-time link that opened the page. */
export default function SignIn() {
  const { t } = useWords();
  const go = useNavigate();
  const queries = useQueryClient();
  const { hash, pathname } = useLocation();
  const link = pathname === '/sign-in' ? hash.slice(1) : '';
  const [accessKeyId, setID] = useState('');
  const [secretAccessKey, setSecret] = useState('');
  const [busy, setBusy] = useState(link !== '');
  const [error, setError] = useState<unknown>();
  const used = useRef(false);

  async function enter(credentials: Credentials) {
    setBusy(true);
    setError(undefined);
    try {
      queries.setQueryData(sessionQ().queryKey, await signIn(credentials));
    } catch (e) {
      setError(e);
      setBusy(false);
    }
    if ('link' in credentials) await go('/', { replace: true });
  }
  useEffect(() => {
    if (!link || used.current) return;
    used.current = true; // a link works once, an effect may run twice
    void enter({ link });
  });
  if (busy && link) return <Box textAlign="center" padding="xxl"><Spinner /> {t('signingIn')}</Box>;
  return (
    <div className="sign-in">
      <form onSubmit={(e) => (e.preventDefault(), void enter({ accessKeyId, secretAccessKey }))}>
        <Form actions={<Button variant="primary" loading={busy}>{t('signIn')}</Button>}>
          <Container header={<Header variant="h1">{t('signIn')}</Header>}>
            <SpaceBetween size="l">
              {error !== undefined && <ErrorBox error={error} />}
              <Box color="text-body-secondary">{t('signInHint').split('`').map((text, i) => (i % 2 ? <code key={text}>{text}</code> : text))}</Box>
              <FormField label={t('accessKey')}><Input name="id" autoComplete="username" spellcheck={false} value={accessKeyId} onChange={(e) => setID(e.detail.value)} /></FormField>
              <FormField label={t('secretKey')}><Input name="secret" type="password" autoComplete="current-password" value={secretAccessKey} onChange={(e) => setSecret(e.detail.value)} /></FormField>
            </SpaceBetween>
          </Container>
        </Form>
      </form>
    </div>
  );
}
