import { aws, AwsError } from '../../api/aws';

/** The newest commit of a branch, undefined when there is no such branch yet. What is written names it, so that nobody's
 * commit that came meanwhile is built upon unseen. */
export async function tipOf(repositoryName: string, branchName: string): Promise<string | undefined> {
  try {
    return (await aws('codecommit', 'GetBranch', { repositoryName, branchName })).branch?.commitId;
  } catch (e) {
    if (e instanceof AwsError && e.code === 'BranchDoesNotExistException') return undefined;
    throw e;
  }
}
