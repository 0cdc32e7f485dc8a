import Badge from '@cloudscape-design/components/badge';
import Button from '@cloudscape-design/components/button';
import ButtonDropdown from '@cloudscape-design/components/button-dropdown';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { aws } from '../../api/aws';
import { codePath, referencesQ, removeTag, repositoryQ, type Reference } from '../../api/code';
import { Confirm } from '../../components/confirm';
import { ErrorBox } from '../../components/error-box';
import { LinkTo } from '../../components/link-to';
import Table from '../../components/table';
import { complain } from '../../flash';
import { useCodeWords } from '../../i18n/code';
import { CreateReference } from './create-reference';

/** The branches and tags of a repository. */
export default function References({ repository }: { repository: string }) {
  const { t } = useCodeWords();
  const go = useNavigate();
  const queries = useQueryClient();
  const list = useQuery(referencesQ(repository));
  const about = useQuery(repositoryQ(repository));
  const [making, setMaking] = useState<'branch' | 'tag'>();
  const [deleting, setDeleting] = useState<Reference>();
  const standard = about.data?.defaultBranch;
  const again = () => queries.invalidateQueries({ queryKey: ['repository', repository] });
  const remove = async (r: Reference) => {
    await (r.tag ? removeTag(repository, r.name) : aws('codecommit', 'DeleteBranch', { repositoryName: repository, branchName: r.name }));
    await again();
  };
  function act(id: string, r: Reference) {
    if (id === 'compare') void go(codePath(repository, 'compare', { from: standard, to: r.name }));
    else if (id === 'delete') setDeleting(r);
    else void aws('codecommit', 'UpdateDefaultBranch', { repositoryName: repository, defaultBranchName: r.name }).then(again).catch(complain);
  }
  const table = (tag: boolean) => (
    <Table<Reference>
      items={(list.data ?? []).filter((r) => r.tag === tag)}
      trackBy="name"
      loading={list.isLoading}
      loadingText={t('loading')}
      empty={tag ? t('noTags') : t('noCommits')}
      ariaLabels={{ tableLabel: tag ? t('tags') : t('branches') }}
      header={
        <Header
          variant="h2"
          counter={list.data && `(${list.data.filter((r) => r.tag === tag).length})`}
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              {!tag && <Button disabled={!list.data?.length} onClick={() => void go(codePath(repository, 'compare'))}>{t('compareWith')}</Button>}
              <Button disabled={!list.data?.length} onClick={() => setMaking(tag ? 'tag' : 'branch')}>{tag ? t('createTag') : t('createBranch')}</Button>
            </SpaceBetween>
          }
        >
          {tag ? t('tags') : t('branches')}
        </Header>
      }
      columnDefinitions={columns()}
    />
  );
  const columns = () => [
    { id: 'name', header: t('name'), isRowHeader: true, cell: (r: Reference) => <span><LinkTo to={codePath(repository, 'code', { ref: r.name })}>{r.name}</LinkTo> {!r.tag && r.name === standard && <Badge color="blue">{t('defaultBranch')}</Badge>}</span> },
    { id: 'commit', header: t('latest'), cell: (r: Reference) => <span className="cut"><code>{r.commit.id.slice(0, 8)}</code> <LinkTo to={codePath(repository, `commits/${r.commit.id}`)}>{r.commit.message.split('\n')[0]}</LinkTo></span> },
    { id: 'author', header: t('author'), cell: (r: Reference) => r.commit.author },
    { id: 'at', header: t('updated'), cell: (r: Reference) => <When seconds={r.commit.at} /> },
    {
      id: 'actions', header: t('actions'),
      cell: (r: Reference) => (
        <ButtonDropdown
          variant="inline-icon"
          expandToViewport
          ariaLabel={`${t('actions')}: ${r.name}`}
          onItemClick={(e) => act(e.detail.id, r)}
          items={[
            { id: 'compare', text: t('compareWith') },
            ...(r.tag ? [] : [{ id: 'default', text: t('makeDefault'), disabled: r.name === standard }]),
            { id: 'delete', text: t('del'), disabled: !r.tag && r.name === standard },
          ]}
        />
      ),
    },
  ];
  return (
    <SpaceBetween size="l">
      {list.isError && <ErrorBox error={list.error} retry={() => void list.refetch()} />}
      {table(false)}
      {table(true)}
      {making && <CreateReference repository={repository} tag={making === 'tag'} from={standard ?? ''} onClose={() => (setMaking(undefined), void again())} />}
      {deleting && (
        <Confirm
          title={t(deleting.tag ? 'deleteTag' : 'deleteBranch', { name: deleting.name })}
          hint={t('deleteRefHint')}
          submit={t('del')}
          onConfirm={() => remove(deleting)}
          onClose={() => setDeleting(undefined)}
        />
      )}
    </SpaceBetween>
  );
}

function When({ seconds }: { seconds: number }) {
  const { ago, at } = useCodeWords();
  return <span title={at(seconds)}>{ago(seconds)}</span>;
}
