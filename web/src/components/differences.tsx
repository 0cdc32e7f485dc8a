import type * as CodePipeline from '@aws-sdk/client-codepipeline';
import { useQuery } from '@tanstack/react-query';
import type { Out } from '../api/aws';
import { actionsQ } from '../api/queries';
import { useWords } from '../i18n';
import { ErrorBox } from './error-box';
import Table from './table';

interface Fact {
  name: string;
  earlier: string;
  later: string;
}

type Details = NonNullable<Out<typeof CodePipeline, 'ListActionExecutions'>['actionExecutionDetails']>;

/** facts lists everything an execution was made of, by name. */
function facts(actions: Details): Map<string, string> {
  const found = new Map<string, string>();
  for (const a of actions) {
    const at = `${a.stageName} / ${a.actionName}`;
    found.set(at, a.status ?? '');
    for (const [k, v] of Object.entries(a.input?.resolvedConfiguration ?? a.input?.configuration ?? {})) found.set(`${at} · ${k}`, v);
    for (const [k, v] of Object.entries(a.output?.outputVariables ?? {})) found.set(`${at} → ${k}`, v);
  }
  return found;
}

/** compare lists the facts in which two executions differ. */
export function compare(a: Map<string, string>, b: Map<string, string>): Fact[] {
  return [...new Set([...a.keys(), ...b.keys()])]
    .map((name) => ({ name, earlier: a.get(name) ?? '–', later: b.get(name) ?? '–' }))
    .filter((f) => f.earlier !== f.later);
}

/** What differs between two executions: outcomes, resolved configuration, variables. */
export function Differences({ pipeline, earlier, later }: { pipeline: string; earlier: string; later: string }) {
  const { t } = useWords();
  const one = useQuery(actionsQ(pipeline, earlier));
  const two = useQuery(actionsQ(pipeline, later));
  if (one.error ?? two.error) return <ErrorBox error={one.error ?? two.error} />;
  return (
    <Table<Fact>
      variant="embedded"
      loading={one.isLoading || two.isLoading}
      loadingText={t('loading')}
      items={compare(facts(one.data ?? []), facts(two.data ?? []))}
      wrapLines
      ariaLabels={{ tableLabel: t('compare') }}
      columnDefinitions={[
        { id: 'name', header: t('name'), cell: (f) => f.name, isRowHeader: true },
        { id: 'earlier', header: `${t('earlier')} ${earlier.slice(0, 8)}`, cell: (f) => f.earlier },
        { id: 'later', header: `${t('later')} ${later.slice(0, 8)}`, cell: (f) => f.later },
      ]}
    />
  );
}
