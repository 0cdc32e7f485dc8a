import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { iam, list, text, type Answer } from '../api/iam';
import { ErrorBox } from '../components/error-box';
import Table from '../components/table';
import { useSettingsWords } from '../i18n/settings';

const split = (s: string) => s.split(',').map((x) => x.trim()).filter(Boolean);
const verdicts = { allowed: 'success', explicitDeny: 'error', implicitDeny: 'stopped' } as const;
const isVerdict = (s: string): s is keyof typeof verdicts => s in verdicts;

/** Asks what the policies of a user, group or role would say, and which of them decides. */
export function Simulation({ arn }: { arn: string }) {
  const { t } = useSettingsWords();
  const [actions, setActions] = useState('codepipeline:StartPipelineExecution, s3:GetObject');
  const [resources, setResources] = useState('*');
  const asked = useMutation({
    mutationFn: async () => list(await iam('SimulatePrincipalPolicy', { PolicySourceArn: arn, ActionNames: split(actions), ResourceArns: split(resources) }), 'EvaluationResults'),
  });
  const decision = (a: Answer) => text(a, 'EvalDecision');
  return (
    <Container header={<Header variant="h2" description={t('simulateHint')}>{t('simulate')}</Header>}>
      <SpaceBetween size="m">
        <FormField stretch label={t('actionsToTry')}><Input value={actions} onChange={(e) => setActions(e.detail.value)} /></FormField>
        <FormField stretch label={t('resourcesToTry')}><Input value={resources} onChange={(e) => setResources(e.detail.value)} /></FormField>
        <Button loading={asked.isPending} onClick={() => asked.mutate()}>{t('decide')}</Button>
        {asked.error && <ErrorBox error={asked.error} />}
        {asked.data && (
          <Table
            variant="embedded"
            items={asked.data}
            ariaLabels={{ tableLabel: t('simulate') }}
            columnDefinitions={[
              { id: 'action', header: t('actions'), isRowHeader: true, cell: (a) => <code>{text(a, 'EvalActionName')}</code> },
              { id: 'resource', header: 'ARN', cell: (a) => <code>{text(a, 'EvalResourceName')}</code> },
              { id: 'verdict', header: t('verdict'), cell: (a) => { const d = decision(a); return isVerdict(d) ? <StatusIndicator type={verdicts[d]}>{t(d)}</StatusIndicator> : d; } },
              { id: 'by', header: t('decidedBy'), cell: (a) => list(a, 'MatchedStatements').map((m) => text(m, 'SourcePolicyId')).join(', ') || '–' },
            ]}
          />
        )}
      </SpaceBetween>
    </Container>
  );
}
