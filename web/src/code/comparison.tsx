import Box from '@cloudscape-design/components/box';
import SegmentedControl from '@cloudscape-design/components/segmented-control';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { differencesQ } from '../api/code';
import { ErrorBox } from '../components/error-box';
import { Waiting } from '../components/waiting';
import { useCodeWords } from '../i18n/code';
import { remember, remembered } from '../remember';
import { DiffFile, pathOf } from './diff-file';
import type { Remarks } from './diff-table';

/** Files that are shown at once. */
const openFiles = 20;
/** Files that are listed at most. */
const shownFiles = 300;

/** Every file in which two commits differ. */
export function Comparison({ repository, before, after, remarks }: { repository: string; before?: string; after: string; remarks?: Remarks }) {
  const { t } = useCodeWords();
  const [split, setSplit] = useState(() => (remembered('diff') ?? (innerWidth > 1200 ? 'split' : 'unified')) === 'split');
  const list = useQuery(differencesQ(repository, before, after));
  if (list.isError) return <ErrorBox error={list.error} retry={() => void list.refetch()} />;
  if (!list.data) return <Waiting />;
  if (!list.data.length) return <Box color="text-body-secondary">{t('noDifferences')}</Box>;
  return (
    <SpaceBetween size="s">
      <div className="diff-head">
        <span className="path">{t('changedFiles', { n: list.data.length })}</span>
        <SegmentedControl
          label={t('layout')}
          selectedId={split ? 'split' : 'unified'}
          options={[{ id: 'unified', text: t('unified') }, { id: 'split', text: t('sideBySide') }]}
          onChange={(e) => (setSplit(e.detail.selectedId === 'split'), remember('diff', e.detail.selectedId))}
        />
      </div>
      {list.data.slice(0, shownFiles).map((d, i) => (
        <DiffFile key={pathOf(d) + d.changeType} repository={repository} difference={d} split={split} open={i < openFiles} remarks={remarks} />
      ))}
      {list.data.length > shownFiles && <Box>{t('onlyFirstFiles', { n: shownFiles })}</Box>}
    </SpaceBetween>
  );
}
