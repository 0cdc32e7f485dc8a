import BreadcrumbGroup from '@cloudscape-design/components/breadcrumb-group';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useNavigate, useParams } from 'react-router';
import { buildQ } from '../api/queries';
import { ErrorBox } from '../components/error-box';
import { LogStore } from '../components/log-store';
import { LogView } from '../components/log-view';
import { Status } from '../components/status';
import { useWords } from '../i18n';
import './build.css';

export default function Build() {
  const id = useParams().id ?? '';
  const { t, ago, duration } = useWords();
  const go = useNavigate();
  const build = useQuery(buildQ(id));
  const [store] = useState(() => new LogStore());
  const { groupName, streamName } = build.data?.logs ?? {};
  const running = build.data?.buildStatus === 'IN_PROGRESS';
  useEffect(() => {
    if (!groupName || !streamName) return undefined;
    return store.open(groupName, streamName);
  }, [store, groupName, streamName]);
  if (build.isError) return <ErrorBox error={build.error} retry={() => void build.refetch()} />;
  const b = build.data;
  const title = b ? `${b.projectName} #${b.buildNumber}` : id;
  const now = Date.now() / 1000;
  return (
    <SpaceBetween size="m">
      <BreadcrumbGroup ariaLabel={t('navigation')} items={[{ text: t('builds'), href: '/conveyor/builds' }, { text: title, href: '#' }]} onFollow={(e) => (e.preventDefault(), e.detail.href !== '#' && void go('/builds'))} />
      <Header variant="h1">{title}</Header>
      <Container>
        <SpaceBetween size="s">
          <KeyValuePairs
            columns={4}
            items={[
              { label: t('status'), value: <Status value={b?.buildStatus} /> },
              { label: t('started'), value: ago(b?.startTime) },
              { label: t('initiator'), value: b?.initiator ?? '–' },
              { label: t('image'), value: b?.environment?.image ?? '–' },
            ]}
          />
          <ol className="phases" aria-label={t('phases')}>
            {b?.phases?.map((p) => (
              <li key={p.phaseType}>
                <span>{p.phaseType}</span>
                <Status value={p.phaseStatus ?? (p.phaseType === 'COMPLETED' ? 'SUCCEEDED' : 'IN_PROGRESS')} />
                <span>{duration(p.durationInSeconds ?? (running && p.startTime ? now - p.startTime : undefined))}</span>
              </li>
            ))}
          </ol>
        </SpaceBetween>
      </Container>
      <LogView store={store} name={title} />
    </SpaceBetween>
  );
}
