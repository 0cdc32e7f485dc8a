import { vocabulary } from '.';

/** The words of the editor of pipelines. */
export const useEditorWords = vocabulary({
  en: {
    editorTitle: 'Edit {name}', visual: 'Visual', definition: 'Definition', saveTitle: 'Save {name}', versionSaved: 'Version {n} of {name} is saved.', noChanges: 'Nothing has changed yet.',
    saveHint: 'Executions in flight end when a pipeline changes. None is started.', discard: 'Discard changes', notJSON: 'This is no JSON: {reason}', checking: 'Checking…', checksOut: 'The server accepts this definition.',
    refused: 'The server would refuse this', addStage: 'Add stage', addAction: 'Add action', stageName: 'Name of the stage', editStage: 'Edit stage {name}', editAction: 'Edit action {name}', newAction: 'New action in {stage}',
    moveLeft: 'Move earlier', moveRight: 'Move later', moveTo: 'Move to {stage}', removeStage: 'Remove stage', removeAction: 'Remove action', provider: 'What it does', chooseProvider: 'Choose what the action does', done: 'Done', edit: 'Edit',
    runOrder: 'Order', runOrderHint: 'Actions with the same number run at the same time.', namespace: 'Namespace of its variables', timeout: 'Timeout in minutes', roleArn: 'Role', region: 'Region', inputs: 'Input artifacts', chooseInputs: 'Choose artifacts', inputsHint: 'From {n} to {of}. The first one is primary.', outputs: 'Output artifacts', outputsHint: 'Names, separated by commas. From {n} to {of}.',
    commands: 'Commands', commandsHint: 'One a line.', outputFiles: 'Files of the output artifact', filesHint: 'One a line; globs are allowed.', outputVariables: 'Output variables', pipelineSettings: 'Settings', advanced: 'Advanced', unset: 'Not set', yes: 'Yes', no: 'No', use: 'Use “{name}”', secretKept: 'A secret that is shown as **** keeps its value.',
    pipelineType: 'Type', SUPERSEDED: 'Superseded: a newer execution overtakes one that waits', QUEUED: 'Queued: one after the other', PARALLEL: 'Parallel: all at once', artifactStore: 'Bucket for artifacts', pipelineVariables: 'Variables', declareVariable: 'Add variable', defaultValue: 'Default', triggers: 'Triggers', addTrigger: 'Add trigger', triggerOf: 'Source action', triggerKind: 'When', pushKind: 'A push', pullRequestKind: 'A pull request',
    branchesIn: 'Branches', branchesOut: 'But not branches', tagsIn: 'Tags', pathsIn: 'Files', pathsOut: 'But not files', globHint: 'Globs, separated by commas.', noTriggers: 'Every change of the source starts the pipeline.', noneDeclared: 'No variables', triggersNeed: 'Triggers with filters are for sources by a connection.',
    conditions: 'Conditions', beforeEntry: 'Before entry', onSuccess: 'On success', onFailure: 'On failure', result: 'When a rule fails', FAIL: 'Fail the stage', ROLLBACK: 'Roll back', RETRY: 'Retry', SKIP: 'Skip the stage', newRule: 'Add rule', rule: 'Rule', nameOfRule: 'Name of the rule', withoutRules: 'No rules', onFailureResult: 'When the stage fails', retryMode: 'What is retried', FAILED_ACTIONS: 'Failed actions', ALL_ACTIONS: 'All actions',
    emptyStage: 'Stage {name} has no action.', unknownInput: '{stage} / {action}: nothing before it makes the artifact {name}.', twiceNamed: '{stage} has two actions named {name}.', twiceMade: '{stage} / {action}: the artifact {name} is made twice.', missing: '{stage} / {action}: {name} is missing.',
    readOnly: 'Your policies do not allow {action} here. You can look, not save.', leaveUnsaved: 'There are changes that are not saved.', changed: 'Somebody else has saved version {n} meanwhile. Discard your changes to see it, or save over it.',
  },
  ko: {
    editorTitle: '{name} 편집', visual: '시각적 편집', definition: '정의', saveTitle: '{name} 저장', versionSaved: '{name}의 버전 {n}이(가) 저장되었습니다.', noChanges: '아직 바뀐 것이 없습니다.',
    saveHint: '파이프라인이 바뀌면 진행 중인 실행이 끝납니다. 새로 시작되는 실행은 없습니다.', discard: '변경 취소', notJSON: 'JSON이 아닙니다: {reason}', checking: '확인하는 중…', checksOut: '서버가 이 정의를 받아들입니다.',
    refused: '서버가 거절할 정의입니다', addStage: '스테이지 추가', addAction: '작업 추가', stageName: '스테이지 이름', editStage: '{name} 스테이지 편집', editAction: '{name} 작업 편집', newAction: '{stage}의 새 작업',
    moveLeft: '앞으로 이동', moveRight: '뒤로 이동', moveTo: '{stage}(으)로 이동', removeStage: '스테이지 제거', removeAction: '작업 제거', provider: '하는 일', chooseProvider: '작업이 할 일을 고르세요', done: '완료', edit: '편집',
    runOrder: '순서', runOrderHint: '번호가 같은 작업은 동시에 실행됩니다.', namespace: '변수 네임스페이스', timeout: '제한 시간(분)', roleArn: '역할', region: '리전', inputs: '입력 아티팩트', chooseInputs: '아티팩트 선택', inputsHint: '{n}개에서 {of}개까지. 첫 번째가 기본입니다.', outputs: '출력 아티팩트', outputsHint: '쉼표로 구분한 이름. {n}개에서 {of}개까지.',
    commands: '명령', commandsHint: '한 줄에 하나씩.', outputFiles: '출력 아티팩트의 파일', filesHint: '한 줄에 하나씩. 글롭을 쓸 수 있습니다.', outputVariables: '출력 변수', pipelineSettings: '설정', advanced: '고급', unset: '설정 안 함', yes: '예', no: '아니요', use: '“{name}” 사용', secretKept: '****로 보이는 비밀은 값을 유지합니다.',
    pipelineType: '유형', SUPERSEDED: '대체: 새 실행이 기다리는 실행을 앞지릅니다', QUEUED: '대기열: 하나씩 차례로', PARALLEL: '병렬: 모두 동시에', artifactStore: '아티팩트 버킷', pipelineVariables: '변수', declareVariable: '변수 추가', defaultValue: '기본값', triggers: '트리거', addTrigger: '트리거 추가', triggerOf: '소스 작업', triggerKind: '시점', pushKind: '푸시', pullRequestKind: '풀 리퀘스트',
    branchesIn: '브랜치', branchesOut: '제외할 브랜치', tagsIn: '태그', pathsIn: '파일', pathsOut: '제외할 파일', globHint: '쉼표로 구분한 글롭.', noTriggers: '소스가 바뀔 때마다 파이프라인이 시작됩니다.', noneDeclared: '변수 없음', triggersNeed: '필터가 있는 트리거는 연결을 통한 소스에 쓸 수 있습니다.',
    conditions: '조건', beforeEntry: '진입 전', onSuccess: '성공 시', onFailure: '실패 시', result: '규칙이 실패하면', FAIL: '스테이지 실패', ROLLBACK: '롤백', RETRY: '재시도', SKIP: '스테이지 건너뛰기', newRule: '규칙 추가', rule: '규칙', nameOfRule: '규칙 이름', withoutRules: '규칙 없음', onFailureResult: '스테이지가 실패하면', retryMode: '재시도 대상', FAILED_ACTIONS: '실패한 작업', ALL_ACTIONS: '모든 작업',
    emptyStage: '{name} 스테이지에 작업이 없습니다.', unknownInput: '{stage} / {action}: 앞에서 {name} 아티팩트를 만드는 작업이 없습니다.', twiceNamed: '{stage}에 이름이 {name}인 작업이 두 개 있습니다.', twiceMade: '{stage} / {action}: {name} 아티팩트를 두 번 만듭니다.', missing: '{stage} / {action}: {name}이(가) 없습니다.',
    readOnly: '정책이 여기에서 {action}을(를) 허용하지 않습니다. 볼 수만 있고 저장할 수 없습니다.', leaveUnsaved: '저장되지 않은 변경이 있습니다.', changed: '그사이 다른 사람이 버전 {n}을(를) 저장했습니다. 변경을 취소하고 보거나, 덮어써서 저장하세요.',
  },
});
