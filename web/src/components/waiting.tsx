import Box from '@cloudscape-design/components/box';
import Spinner from '@cloudscape-design/components/spinner';

/** Something is on its way. */
export function Waiting() {
  return <Box textAlign="center" padding="xxl"><Spinner size="large" /></Box>;
}
