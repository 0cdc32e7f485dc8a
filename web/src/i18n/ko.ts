import type { Catalog } from './index';

export const ko: Catalog = {
  product: 'Conveyor', deliver: '전달', develop: '개발', pipelines: '파이프라인', builds: '빌드', repositories: '리포지토리',
  buckets: '사이트와 버킷', deployments: '배포', testReports: '테스트 보고서', insights: '배포 지표', theme: '다크 모드', language: 'English', navigation: '탐색', closeNavigation: '탐색 닫기', openNavigation: '탐색 열기',
  signIn: '로그인', signOut: '로그아웃', signInHint: '이 서버의 액세스 키를 사용하세요. `conveyor console`은 키 없이 로그인하는 링크를 출력합니다.', accessKey: '액세스 키 ID', secretKey: '보안 액세스 키', signingIn: '로그인하는 중…',
  createPipeline: '파이프라인 생성', editPipeline: '편집', release: '변경 사항 릴리스', del: '삭제', refresh: '새로 고침', actions: '작업', create: '생성', cancel: '취소', close: '닫기',
  name: '이름', status: '상태', source: '최신 소스 개정', started: '시작', recent: '최근 실행', type: '유형', mode: '실행 모드', updated: '업데이트됨',
  findPipelines: '파이프라인 찾기', matches: '{n, plural, =0 {일치 항목 없음} other {#개 일치}}', noPipelines: '파이프라인 없음', noPipelinesHint: '파이프라인은 푸시된 변경을 쓰이는 곳까지 전달합니다.', clearFilter: '필터 지우기', anyStatus: '모든 상태', preferences: '기본 설정', page: '페이지 {n, number}', nextPage: '다음 페이지', previousPage: '이전 페이지', pageSize: '페이지 크기', columns: '열', wrapLines: '줄 바꿈',
  InProgress: '진행 중', Succeeded: '성공', Failed: '실패', Stopped: '중지됨', Stopping: '중지 중', Superseded: '대체됨', Cancelled: '취소됨', Waiting: '승인 대기 중', Idle: '실행되지 않음', Abandoned: '중단됨', NotAllowed: '볼 권한 없음',
  execution: '실행', executions: '실행 기록', timeline: '타임라인', variables: '변수', artifacts: '아티팩트', why: '이유', graph: '컨베이어', trigger: '트리거', duration: '소요 시간', revision: '소스 개정', noRuns: '아직 실행된 적이 없습니다.',
  review: '검토', approve: '승인', reject: '거부', reviewTitle: '{action} 검토', comments: '의견', commentsHint: '선택 사항입니다. 결정과 함께 보관되며 최대 512자입니다.', decision: '결정', approving: '결정 대상', decisionSaved: '{action}에 대한 결정이 저장되었습니다.',
  openTransition: '{stage} 진입 열기', closeTransition: '{stage} 진입 닫기', closedBecause: '닫힘: {reason}', reasonOfClosing: '닫은 이유', retry: '실패한 작업 재시도', retryAll: '스테이지 전체 재시도', rollback: '롤백', viewLog: '로그 보기', stop: '실행 중지', stopTitle: '실행 {id} 중지', abandon: '끝나기를 기다리지 않고 중단', reason: '이유',
  rollbackTitle: '{stage} 롤백', rollbackHint: '이전 실행이 가져온 내용으로 스테이지를 다시 실행합니다.', noTarget: '현재 버전의 파이프라인에서 이 스테이지에 성공한 이전 실행이 없습니다.', startedRun: '실행 {id}이(가) 시작되었습니다.', releaseTitle: '{name}에 변경 사항 릴리스', sourceRevision: '{action}의 소스 개정', sourceHint: '비워 두면 최신 개정입니다.', compare: '비교',
  compareHint: '실행 두 개를 선택하면 차이를 보여 줍니다.', earlier: '이전', later: '이후', value: '값',
  log: '빌드 로그', follow: '따라가기', searchLog: '로그 검색', lines: '{n, number}줄', phases: '단계', firstError: '첫 오류', nextHit: '다음 일치', hits: '{n, number}개 중 {i, number}번째', download: '다운로드', project: '프로젝트', projects: '프로젝트', history: '기록', initiator: '시작한 주체', noProjects: '프로젝트 없음', noBuilds: '아직 빌드 없음', createProject: '프로젝트 생성', image: '이미지', buildspec: '빌드 사양', buildspecHint: '비워 두면 소스의 buildspec.yml을 사용합니다.',
  createRepository: '리포지토리 생성', noRepositories: '리포지토리 없음', description: '설명', cloneURL: '복제', files: '파일', commits: '커밋', branches: '브랜치', branch: '브랜치', emptyRepository: '아직 푸시된 것이 없습니다. 다음과 같이 푸시하세요:', copy: '복사', copied: '복사됨', author: '작성자', parent: '위로', binary: '텍스트 파일이 아닙니다.',
  createBucket: '버킷 생성', noBuckets: '버킷 없음', website: '웹 사이트로 제공', websiteHint: '서버에 접근할 수 있는 모든 사람이 객체를 읽을 수 있습니다.', openSite: '사이트 열기', makeWebsite: '웹 사이트로 만들기', objects: '객체', upload: '업로드', size: '크기', noObjects: '객체 없음', more: '처음 천 개만 표시됩니다.',
  wizardSource: '소스', wizardBuild: '빌드', wizardApproval: '승인', wizardDeploy: '배포', wizardReview: '검토', next: '다음', previous: '이전', optional: '선택 사항', sourceRepository: '리포지토리', withBuild: '프로젝트로 빌드', withApproval: '배포 전에 사람에게 묻기', withDeploy: '버킷에 게시', artifactBucket: '아티팩트 버킷', artifactHint: '없으면 만들어집니다.', stepOf: '{of}단계 중 {n}단계', steps: '단계', settingsStep: '파이프라인',
  notFound: '페이지를 찾을 수 없습니다', failed: '읽을 수 없습니다', denied: '정책에서 허용하지 않습니다', again: '다시 시도', loading: '불러오는 중', manual: '수동', automatic: '변경에 의해', created: '파이프라인 생성', rolledBack: '롤백', ended: '세션이 끝났습니다. 다시 로그인하세요.', dismiss: '닫기', selectRun: '{name} 선택', required: '필요한 값입니다.',
};
