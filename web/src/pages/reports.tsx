import { lazy } from 'react';
import { Route, Routes } from 'react-router';

const Groups = lazy(() => import('./builds/report-groups'));
const Group = lazy(() => import('./builds/report-group'));
const Report = lazy(() => import('./builds/report'));

/** What tests say, over time and in detail. */
export default function ReportPages() {
  return (
    <Routes>
      <Route index element={<Groups />} />
      <Route path="group" element={<Group />} />
      <Route path="report" element={<Report />} />
    </Routes>
  );
}
