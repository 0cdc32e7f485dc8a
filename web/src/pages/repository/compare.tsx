import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import { aws } from '../../api/aws';
import { codePath, referencesQ } from '../../api/code';
import { Comparison } from '../../code/comparison';
import { ErrorBox } from '../../components/error-box';
import { useCodeWords } from '../../i18n/code';
import { CommitList } from './commits';
import { RefPicker, useDefaultRef } from './ref-picker';
import './repository.css';

const CreatePull = lazy(() => import('../pull/create-pull'));

/** What a branch would bring to another one: since their histories parted. */
export default function Compare({ repository }: { repository: string }) {
  const { t } = useCodeWords();
  const go = useNavigate();
  const [query] = useSearchParams();
  const standard = useDefaultRef(repository);
  const from = query.get('from') ?? standard.ref;
  const to = query.get('to') ?? '';
  const [creating, setCreating] = useState(query.has('pull'));
  const references = useQuery(referencesQ(repository));
  const ready = !!from && !!to && from !== to;
  const base = useQuery({
    queryKey: ['repository', repository, 'base', from, to],
    enabled: ready,
    queryFn: ({ signal }) =>
      aws('codecommit', 'GetMergeOptions', { repositoryName: repository, destinationCommitSpecifier: from, sourceCommitSpecifier: to }, signal),
  });
  const nothing = !!base.data && base.data.sourceCommitId === base.data.baseCommitId;
  const isBranch = (name: string) => !!references.data?.some((r) => !r.tag && r.name === name);
  const choose = (next: { from?: string; to?: string }) => void go(codePath(repository, 'compare', { from, to, ...next, pull: query.get('pull') ?? undefined }), { replace: true });
  return (
    <SpaceBetween size="m">
      <Container header={<Header variant="h2">{t('comparing')}</Header>}>
        <div className="sides">
          <RefPicker repository={repository} value={from} label={t('compareFrom')} onChange={(next) => choose({ from: next })} />
          <Box textAlign="center" color="text-body-secondary">←</Box>
          <RefPicker repository={repository} value={to} label={t('compareTo')} onChange={(next) => choose({ to: next })} />
          <Button variant="primary" disabled={!ready || nothing || !isBranch(from) || !isBranch(to)} disabledReason={nothing ? t('noDifferences') : undefined} onClick={() => setCreating(true)}>{t('createPull')}</Button>
        </div>
      </Container>
      {!ready && <Box color="text-body-secondary">{t('sameSides')}</Box>}
      {base.isError && <ErrorBox error={base.error} />}
      {ready && nothing && <Container>{t('nothingAhead', { from, to })}</Container>}
      {ready && base.data && !nothing && (
        <>
          {creating && <Suspense><CreatePull repository={repository} source={to} destination={from} onClose={() => setCreating(false)} /></Suspense>}
          <Container header={<Header variant="h2">{t('commitsAhead')}</Header>}><CommitList repository={repository} of={{ tip: base.data.sourceCommitId, base: base.data.destinationCommitId }} /></Container>
          <Comparison repository={repository} before={base.data.baseCommitId} after={base.data.sourceCommitId ?? ''} />
        </>
      )}
    </SpaceBetween>
  );
}
