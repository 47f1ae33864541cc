import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { Notice } from '@/components/Notice';
import { Page } from '@/components/Page';
import { Fig } from '@/components/Sheet';
import { askGateAgain, useGateEvents } from '@/gate/gate-query';
import { finalizeStatusQuery, useResume } from '@/onboarding/queries';
import { onboardingTexts } from '@/texts/onboarding';
import './onboarding.css';

const texts = onboardingTexts.building;
const SLOW_MS = 30_000;
const POLL_MS = 2_000;

/** Between the answers and the manifest. The gate leads on when it is there, and back when it could not be made. */
export default function Building() {
  const client = useQueryClient();
  const resume = useResume();
  const number = resume.data?.context_number ?? undefined;
  const fate = useQuery({
    ...finalizeStatusQuery(number),
    refetchInterval: ({ state }) => (state.data === undefined || state.data.status === 'finalizing' ? POLL_MS : false),
  });
  const [slow, setSlow] = useState(false);
  useGateEvents();
  const status = fate.data?.status;
  useEffect(() => {
    if (status !== undefined && status !== 'finalizing') {
      void client.invalidateQueries({ queryKey: ['onboarding'] });
      void client.invalidateQueries({ queryKey: ['context'] });
      void askGateAgain(client);
    }
  }, [status, client]);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), SLOW_MS);
    return () => clearTimeout(timer);
  }, []);
  const at = status === 'completed' ? 2 : 1;
  return (
    <Page title={texts.title} lead={<p>{texts.lead}</p>} className="narrow">
      <div className="sheet ticks stack">
        {number !== undefined && <Fig>{texts.record(number)}</Fig>}
        <ol className="stages">
          {texts.stages.map((stage, index) => (
            <li key={stage} data-state={index < at ? 'done' : index === at ? 'now' : 'later'} aria-current={index === at ? 'step' : undefined}>
              {stage}
            </li>
          ))}
        </ol>
        {slow && (
          <Notice kind="warning">
            <p role="status">{texts.slow}</p>
          </Notice>
        )}
      </div>
    </Page>
  );
}
