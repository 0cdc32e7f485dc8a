import Container from '@cloudscape-design/components/container';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import type { Project } from '../../api/builds';
import { useBuildWords } from '../../i18n/build';
import './builds.css';
import { Variables } from './variables';

/** What a project is made of. */
export function Facts({ project: p }: { project: Project }) {
  const { t } = useBuildWords();
  const { source, artifacts, environment, cache } = p;
  const inline = source?.buildspec?.includes('\n') ? source.buildspec : undefined;
  return (
    <Container header={<Header variant="h2">{t('projectDetails')}</Header>}>
      <SpaceBetween size="m">
        <KeyValuePairs
          columns={4}
          items={[
            { label: t('sourceOf'), value: [source?.type, source?.location, p.sourceVersion].filter(Boolean).join(' · ') },
            { label: t('artifactsTo'), value: [artifacts?.type, artifacts?.location, artifacts?.path, artifacts?.name].filter(Boolean).join(' · ') },
            { label: t('image'), value: environment?.image ?? '–' },
            { label: t('computeType'), value: `${environment?.computeType}${environment?.privilegedMode ? ` · ${t('privileged')}` : ''}` },
            { label: t('buildspec'), value: inline ? t('lines', { n: inline.split('\n').length }) : (source?.buildspec ?? t('fromSource')) },
            { label: t('timeoutMinutes'), value: `${p.timeoutInMinutes} / ${p.queuedTimeoutInMinutes}` },
            { label: t('concurrentLimit'), value: p.concurrentBuildLimit ?? t('noLimit') },
            { label: t('cacheOf'), value: cache?.type === 'NO_CACHE' ? t('noneOf') : [cache?.type, cache?.location, cache?.modes?.join(', ')].filter(Boolean).join(' · ') },
            { label: t('serviceRole'), value: p.serviceRole ?? '–' },
          ]}
        />
        {inline && <ExpandableSection headerText={t('buildspec')}><pre className="code" tabIndex={0}>{inline}</pre></ExpandableSection>}
        <ExpandableSection headerText={`${t('environment')} (${environment?.environmentVariables?.length ?? 0})`}><Variables list={environment?.environmentVariables ?? []} empty={t('noVariables')} /></ExpandableSection>
      </SpaceBetween>
    </Container>
  );
}
