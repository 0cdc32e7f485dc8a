import { vocabulary } from '.';

/** The words of what is in artifacts. */
export const useArtifactWords = vocabulary({
  en: {
    findFiles: 'Find files', downloadFile: 'Download {name}', notShown: 'This file is no text, or too long to be shown. Download it.', moreFiles: 'More files',
    noZip: 'This is no zip. Download it instead.', damagedZip: 'This zip is damaged.', hugeZip: 'This zip has more files than can be listed here. Download it instead.',
    hugeFile: 'This file is too large to be taken out here. Download the whole zip instead.', lockedFile: 'This file is encrypted. Download the whole zip instead.', oddlyPacked: 'This file is packed in a way that browsers cannot unpack. Download the whole zip instead.',
  },
  ko: {
    findFiles: '파일 찾기', downloadFile: '{name} 다운로드', notShown: '텍스트가 아니거나 너무 긴 파일입니다. 다운로드하세요.', moreFiles: '파일 더 보기',
    noZip: 'zip 파일이 아닙니다. 그대로 다운로드하세요.', damagedZip: '손상된 zip 파일입니다.', hugeZip: '파일이 너무 많아 목록을 표시할 수 없습니다. zip을 다운로드하세요.',
    hugeFile: '파일이 너무 커서 따로 꺼낼 수 없습니다. zip 전체를 다운로드하세요.', lockedFile: '암호화된 파일입니다. zip 전체를 다운로드하세요.', oddlyPacked: '브라우저가 풀 수 없는 방식으로 압축된 파일입니다. zip 전체를 다운로드하세요.',
  },
});
