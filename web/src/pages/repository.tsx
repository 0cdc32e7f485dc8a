import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import Tabs from '@cloudscape-design/components/tabs';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useParams } from 'react-router';
import { aws } from '../api/aws';
import { ErrorBox } from '../components/error-box';
import { useWords } from '../i18n';

export default function Repository() {
  const name = useParams().name ?? '';
  const { t } = useWords();
  const about = useQuery({ queryKey: ['repository', name], queryFn: ({ signal }) => aws('codecommit', 'GetRepository', { repositoryName: name }, signal) });
  const branches = useQuery({
    queryKey: ['repository', name, 'branches'],
    queryFn: async ({ signal }) => (await aws('codecommit', 'ListBranches', { repositoryName: name }, signal)).branches ?? [],
  });
  const [picked, setPicked] = useState('');
  if (about.isError) return <ErrorBox error={about.error} />;
  const url = about.data?.repositoryMetadata?.cloneUrlHttp ?? '';
  const branch = picked || about.data?.repositoryMetadata?.defaultBranch || branches.data?.[0] || '';
  const options = (branches.data ?? []).map((value) => ({ value, label: value }));
  return (
    <SpaceBetween size="l">
      <Header variant="h1" actions={<CopyToClipboard copyButtonText={t('cloneURL')} copySuccessText={t('copied')} copyErrorText={t('failed')} textToCopy={url} />}>{name}</Header>
      {branches.isSuccess && !branches.data.length && (
        <div><Box>{t('emptyRepository')}</Box><pre className="code" tabIndex={0}>{`git push ${url} HEAD:main`}</pre></div>
      )}
      {branch && (
        <>
          <Select ariaLabel={t('branch')} selectedOption={{ value: branch, label: branch }} options={options} onChange={(e) => setPicked(e.detail.selectedOption.value ?? '')} />
          <Tabs
            ariaLabel={name}
            tabs={[
              { id: 'files', label: t('files'), content: <Files key={branch} repository={name} branch={branch} /> },
              { id: 'commits', label: t('commits'), content: <Commits repository={name} branch={branch} /> },
            ]}
          />
        </>
      )}
    </SpaceBetween>
  );
}

function Files({ repository, branch }: { repository: string; branch: string }) {
  const { t } = useWords();
  const [folder, setFolder] = useState('');
  const [file, setFile] = useState('');
  const list = useQuery({
    queryKey: ['repository', repository, branch, 'folder', folder],
    queryFn: ({ signal }) => aws('codecommit', 'GetFolder', { repositoryName: repository, commitSpecifier: branch, folderPath: folder || '/' }, signal),
  });
  if (list.isError) return <ErrorBox error={list.error} />;
  const rows = [
    ...(list.data?.subFolders ?? []).map((f) => ({ path: f.absolutePath ?? '', name: `${f.relativePath}/`, folder: true })),
    ...(list.data?.files ?? []).map((f) => ({ path: f.absolutePath ?? '', name: f.relativePath ?? '', folder: false })),
  ];
  const up = () => (setFile(''), setFolder(folder.split('/').slice(0, -1).join('/')));
  return (
    <SpaceBetween size="m">
      <Table
        variant="embedded"
        items={rows}
        loading={list.isLoading}
        loadingText={t('loading')}
        ariaLabels={{ tableLabel: t('files') }}
        header={folder ? <Header variant="h3" actions={<Button onClick={up}>{t('parent')}</Button>}>{folder}</Header> : undefined}
        columnDefinitions={[{ id: 'name', header: t('name'), isRowHeader: true, cell: (r) => <Link onFollow={() => (r.folder ? (setFile(''), setFolder(r.path)) : setFile(r.path))}>{r.name}</Link> }]}
      />
      {file && <File repository={repository} branch={branch} path={file} />}
    </SpaceBetween>
  );
}

function File({ repository, branch, path }: { repository: string; branch: string; path: string }) {
  const { t } = useWords();
  const file = useQuery({
    queryKey: ['repository', repository, branch, 'file', path],
    queryFn: ({ signal }) => aws('codecommit', 'GetFile', { repositoryName: repository, commitSpecifier: branch, filePath: path }, signal),
  });
  if (file.isError) return <ErrorBox error={file.error} />;
  return (
    <div>
      <Header variant="h3">{path}</Header>
      <pre className="code" tabIndex={0}>{file.data ? decode(file.data.fileContent) ?? t('binary') : ''}</pre>
    </div>
  );
}

/** decode is the text in Base64, undefined when it is no text. */
function decode(base64?: string): string | undefined {
  const bytes = Uint8Array.from(atob(base64 ?? ''), (c) => c.charCodeAt(0));
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

const shownCommits = 30;

/** The newest commits of a branch, along first parents. */
async function history(repositoryName: string, branchName: string, signal: AbortSignal) {
  const { branch } = await aws('codecommit', 'GetBranch', { repositoryName, branchName }, signal);
  const list = [];
  for (let id = branch?.commitId; id && list.length < shownCommits; ) {
    const { commit } = await aws('codecommit', 'GetCommit', { repositoryName, commitId: id }, signal);
    if (!commit) break;
    list.push(commit);
    id = commit.parents?.[0];
  }
  return list;
}

function Commits({ repository, branch }: { repository: string; branch: string }) {
  const { t, at } = useWords();
  const commits = useQuery({ queryKey: ['repository', repository, branch, 'commits'], queryFn: ({ signal }) => history(repository, branch, signal) });
  if (commits.isError) return <ErrorBox error={commits.error} />;
  return (
    <Table
      variant="embedded"
      items={commits.data ?? []}
      loading={commits.isLoading}
      loadingText={t('loading')}
      ariaLabels={{ tableLabel: t('commits') }}
      columnDefinitions={[
        { id: 'id', header: t('revision'), isRowHeader: true, cell: (c) => <code>{c.commitId?.slice(0, 8)}</code> },
        { id: 'message', header: t('description'), cell: (c) => c.message?.split('\n')[0] },
        { id: 'author', header: t('author'), cell: (c) => c.author?.name },
        { id: 'at', header: t('started'), cell: (c) => at(Number(c.author?.date?.split(' ')[0])) },
      ]}
    />
  );
}
