import { vocabulary } from '.';

/** The words of deployments. */
export const useDeploymentWords = vocabulary({
  en: {
    deploymentsHint: 'The newest deploy actions of the {n, number} pipelines that moved last.', noDeployments: 'Nothing has been deployed yet', noDeploymentsHint: 'A pipeline with a deploy stage brings changes to where they are used.', deployedTo: 'Target', deployedBy: 'Deployed by', findDeployments: 'Find by pipeline or target', deployedWhat: 'Revision', targetsOf: 'Targets', noTargets: 'No single targets: it was published as a whole.',
  },
  ko: {
    deploymentsHint: '최근에 실행된 파이프라인 {n, number}개의 최신 배포 작업입니다.', noDeployments: '아직 배포된 것이 없습니다', noDeploymentsHint: '배포 스테이지가 있는 파이프라인을 실행하면 여기에 표시됩니다.', deployedTo: '대상', deployedBy: '배포한 작업', findDeployments: '파이프라인이나 대상으로 찾기', deployedWhat: '리비전', targetsOf: '대상', noTargets: '개별 대상이 없습니다. 한 번에 게시되었습니다.',
  },
});
