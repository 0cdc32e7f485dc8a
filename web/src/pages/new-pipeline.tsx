import { Navigate, useLocation, useNavigate } from 'react-router';
import { useARN } from '../api/queries';
import type { Declaration } from '../editor/model';
import { Editor } from './edit-pipeline';

/** The editor of a pipeline that is yet to be made: what the wizard has of it comes with the address. */
export default function NewPipeline() {
  const go = useNavigate();
  const definition = (useLocation().state as { definition?: Declaration } | null)?.definition;
  const arn = useARN();
  if (!definition) return <Navigate to="/create" replace />;
  return <Editor creating name={definition.name ?? ''} newest={definition} arn={arn('codepipeline', definition.name ?? '')} onReopen={() => void go(-1)} />;
}
