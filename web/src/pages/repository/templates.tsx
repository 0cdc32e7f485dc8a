import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useQuery } from '@tanstack/react-query';
import { aws } from '../../api/aws';
import Table from '../../components/table';
import { complain } from '../../flash';
import { useCodeWords } from '../../i18n/code';

async function templates(repositoryName: string, signal: AbortSignal) {
  const [all, here] = await Promise.all([
    aws('codecommit', 'ListApprovalRuleTemplates', {}, signal),
    aws('codecommit', 'ListAssociatedApprovalRuleTemplatesForRepository', { repositoryName }, signal),
  ]);
  const used = new Set(here.approvalRuleTemplateNames);
  return [...new Set([...(all.approvalRuleTemplateNames ?? []), ...used])].map((name) => ({ name, used: used.has(name) }));
}

/** The approval rule templates that give their rules to new pull requests. */
export function Templates({ repository }: { repository: string }) {
  const { t } = useCodeWords();
  const list = useQuery({ queryKey: ['repository', repository, 'templates'], queryFn: ({ signal }) => templates(repository, signal) });
  const turn = (approvalRuleTemplateName: string, used: boolean) =>
    void aws('codecommit', used ? 'DisassociateApprovalRuleTemplateFromRepository' : 'AssociateApprovalRuleTemplateWithRepository', { approvalRuleTemplateName, repositoryName: repository })
      .then(() => list.refetch())
      .catch(complain);
  return (
    <Table
      items={list.data ?? []}
      loading={list.isLoading}
      loadingText={t('loading')}
      empty={list.error?.message ?? t('noTemplates')}
      ariaLabels={{ tableLabel: t('rulesOfBranches') }}
      header={<Header variant="h2" description={t('rulesOfBranchesHint')}>{t('rulesOfBranches')}</Header>}
      columnDefinitions={[
        { id: 'name', header: t('name'), isRowHeader: true, cell: (r) => r.name },
        { id: 'used', header: t('status'), cell: (r) => (r.used ? <StatusIndicator>{t('associated')}</StatusIndicator> : '–') },
        { id: 'turn', header: t('actions'), cell: (r) => <Button variant="inline-link" ariaLabel={`${r.used ? t('stopTemplate') : t('useTemplate')}: ${r.name}`} onClick={() => turn(r.name, r.used)}>{r.used ? t('stopTemplate') : t('useTemplate')}</Button> },
      ]}
    />
  );
}
