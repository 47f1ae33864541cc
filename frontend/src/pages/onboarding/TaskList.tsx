import { useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { Link } from 'react-router';
import { LinkButton } from '@/components/Button';
import { Notice } from '@/components/Notice';
import { Page } from '@/components/Page';
import { Progress } from '@/components/Progress';
import { QueryPanel } from '@/components/QueryPanel';
import { Fig } from '@/components/Sheet';
import { Tag } from '@/components/Tag';
import { useGate, useGateEvents } from '@/gate/gate-query';
import { useDefinition, type Definition } from '@/onboarding/definition';
import { resumeQuery, type Resume } from '@/onboarding/queries';
import { useSession } from '@/session/use-session';
import { onboardingTexts } from '@/texts/onboarding';
import { stateTone } from './step-state';
import './onboarding.css';

const texts = onboardingTexts.taskList;
/** How often a locked onboarding is asked for: it opens within seconds of the payment. */
const LOCKED_POLL_MS = 3_000;

/** What keeps the questions closed, or is to be known before going on. */
function Standing({ resume }: { resume: Resume }) {
  switch (resume.status) {
    case 'locked':
      return (
        <Notice title={texts.lockedTitle}>
          <p role="status">{texts.locked}</p>
        </Notice>
      );
    case 'suspended':
      return (
        <Notice kind="warning" title={texts.suspendedTitle}>
          <p>{texts.suspended}</p>
          <div>
            <LinkButton to="/onboarding/plans">{texts.renew}</LinkButton>
          </div>
        </Notice>
      );
    case 'archived':
      return (
        <Notice title={texts.archivedTitle}>
          <p>{texts.archived}</p>
        </Notice>
      );
    case 'reopened':
      return (
        <Notice>
          <p>{texts.reopened}</p>
        </Notice>
      );
    default:
      return null;
  }
}

function Phases({ definition, resume }: { definition: Definition; resume: Resume }) {
  const stateOf = (slug: string) => resume.steps.find((step) => step.slug === slug)?.state ?? 'pending';
  return (
    <ol className="phases">
      {definition.phases.map((phase) => (
        <li key={phase.number} className="sheet stack-8">
          <Fig>{texts.phase(phase.number)}</Fig>
          <h2>{phase.title}</h2>
          <ol className="phase-steps">
            {definition.steps
              .filter((step) => step.phase === phase.number)
              .map((step) => {
                const state = stateOf(step.slug);
                return (
                  <li key={step.slug}>
                    <span className="code">{String(step.number).padStart(2, '0')}</span>
                    <span>
                      <Link to={`/onboarding/steps/${step.slug}`}>{step.title}</Link>
                    </span>
                    <span className="tags">
                      <span className="muted small">
                        {step.optional && `${texts.optional}, `}
                        {texts.minutes(step.minutes)}
                      </span>
                      <Tag tone={stateTone(state)}>{texts.states[state] ?? state}</Tag>
                    </span>
                  </li>
                );
              })}
          </ol>
        </li>
      ))}
    </ol>
  );
}

function Content({ definition, resume }: { definition: Definition; resume: Resume }) {
  const { next } = useGate();
  const done = new Set(resume.steps.filter(({ state }) => state === 'complete' || state === 'skipped').map(({ slug }) => slug));
  const minutes = definition.steps.filter(({ slug }) => !done.has(slug)).reduce((sum, step) => sum + step.minutes, 0);
  const goOn = definition.steps.find(({ slug }) => slug === resume.next_step);
  const closed = resume.status === 'locked' || resume.status === 'suspended';
  const words = texts.progress(resume.steps_done, resume.steps_total);
  return (
    <div className="stack-32">
      <Standing resume={resume} />
      {resume.failure_reason && (
        <Notice kind="error" title={texts.failedTitle}>
          <p>{texts.failed(resume.failure_reason)}</p>
        </Notice>
      )}
      <div className="stack">
        <Progress label={words} done={resume.steps_done} total={resume.steps_total} text={words} />
        <div className="row-apart">
          <p>
            <strong>{words}</strong>
            {minutes > 0 && <span className="muted">, {texts.left(minutes)}</span>}
          </p>
          <div className="row">
            {next === 'app' && (
              <LinkButton kind="quiet" to="/dashboard">
                {texts.toApp}
              </LinkButton>
            )}
            {!closed && (
              <LinkButton kind="primary" to={`/onboarding/steps/${goOn?.slug ?? 'review'}`}>
                {goOn === undefined || goOn.slug === 'review' ? texts.review : resume.steps_done === 0 ? texts.start : texts.goOn(goOn.title)}
              </LinkButton>
            )}
          </div>
        </div>
      </div>
      {!closed && <Phases definition={definition} resume={resume} />}
    </div>
  );
}

export default function TaskList() {
  const definition = useDefinition();
  const workspace = useSession((state) => state.workspace);
  const resume = useQuery({
    ...resumeQuery(workspace),
    refetchInterval: ({ state }) => (state.data?.status === 'locked' ? LOCKED_POLL_MS : false),
  });
  useGateEvents();
  const closed = resume.data?.status === 'locked';
  const { onboarding } = useGate();
  // The gate's stream tells of the unlock; the list follows it at once.
  const { refetch } = resume;
  useEffect(() => {
    if (closed && onboarding.status !== 'locked') void refetch();
  }, [closed, onboarding.status, refetch]);
  return (
    <Page title={texts.title} lead={<p>{texts.lead}</p>} className="middle">
      <QueryPanel query={resume} lines={10}>
        {(data) => <QueryPanel query={definition}>{(steps) => <Content definition={steps} resume={data} />}</QueryPanel>}
      </QueryPanel>
    </Page>
  );
}
