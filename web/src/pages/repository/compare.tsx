import Box from '@cloudscape-design/components/box';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearchParams } from 'react-router';
import { aws } from '../../api/aws';
import { codePath } from '../../api/code';
import { Comparison } from '../../code/comparison';
import { ErrorBox } from '../../components/error-box';
import { useCodeWords } from '../../i18n/code';
import { CommitList } from './commits';
import { RefPicker, useDefaultRef } from './ref-picker';
import './repository.css';


/** What a branch would bring to another one: since their histories parted. */
export default function Compare({ repository }: { repository: string }) {
  const { t } = useCodeWords();
  const go = useNavigate();
  const [query] = useSearchParams();
  const standard = useDefaultRef(repository);
  const from = query.get('from') ?? standard.ref;
  const to = query.get('to') ?? '';
  const ready = !!from && !!to && from !== to;
  const base = useQuery({
    queryKey: ['repository', repository, 'base', from, to],
    enabled: ready,
    queryFn: ({ signal }) =>
      aws('codecommit', 'GetMergeOptions', { repositoryName: repository, destinationCommitSpecifier: from, sourceCommitSpecifier: to }, signal),
  });
  const choose = (next: { from?: string; to?: string }) => void go(codePath(repository, 'compare', { from, to, ...next }), { replace: true });
  return (
    <SpaceBetween size="m">
      <Container header={<Header variant="h2">{t('comparing')}</Header>}>
        <div className="sides">
          <RefPicker repository={repository} value={from} label={t('compareFrom')} onChange={(next) => choose({ from: next })} />
          <Box textAlign="center" color="text-body-secondary">←</Box>
          <RefPicker repository={repository} value={to} label={t('compareTo')} onChange={(next) => choose({ to: next })} />
        </div>
      </Container>
      {!ready && <Box color="text-body-secondary">{t('sameSides')}</Box>}
      {base.isError && <ErrorBox error={base.error} />}
      {ready && base.data && (
        <>
          <Container header={<Header variant="h2">{t('commitsAhead')}</Header>}><CommitList repository={repository} of={{ tip: base.data.sourceCommitId, base: base.data.destinationCommitId }} /></Container>
          <Comparison repository={repository} before={base.data.baseCommitId} after={base.data.sourceCommitId ?? ''} />
        </>
      )}
    </SpaceBetween>
  );
}
