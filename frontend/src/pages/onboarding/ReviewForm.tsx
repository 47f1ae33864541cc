import { useQueryClient } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { Link, useNavigate } from 'react-router';
import { newIdempotencyKey } from '@/api/client';
import { Problem } from '@/api/problem';
import { Notice } from '@/components/Notice';
import { QueryPanel } from '@/components/QueryPanel';
import { Sheet } from '@/components/Sheet';
import { Tag } from '@/components/Tag';
import { useBcmStore } from '@/bcm/bcm-store';
import { askGateUntil, useRole } from '@/gate/gate-query';
import type { Stored } from '@/onboarding/autosave';
import type { Definition, Step } from '@/onboarding/definition';
import { finalize, useResume } from '@/onboarding/queries';
import { session } from '@/session/session';
import { onboardingTexts } from '@/texts/onboarding';
import { Readable } from './Readable';
import { StepForm } from './StepForm';
import { stateTone } from './step-state';

const texts = onboardingTexts.review;

interface Incomplete {
  slug: string;
  title: string;
  errors: unknown[];
}

/** The steps that a refusal to finalize lists. */
function incompleteOf(problem: Problem): Incomplete[] {
  const { steps } = problem.body;
  if (!Array.isArray(steps)) return [];
  return (steps as Partial<Incomplete>[]).flatMap(({ slug, title, errors }) =>
    typeof slug === 'string' ? [{ slug, title: title ?? slug, errors: Array.isArray(errors) ? errors : [] }] : [],
  );
}

interface ReviewFormProps {
  workspace: string;
  definition: Definition;
  step: Step;
  stored: Stored;
  previous: Step | undefined;
}

/** The last step: everything once more, then the confirmation that makes a context of it. */
export function ReviewForm({ workspace, definition, step, stored, previous }: ReviewFormProps) {
  const resume = useResume(true);
  const client = useQueryClient();
  const navigate = useNavigate();
  const { canManage } = useRole();
  const [missing, setMissing] = useState<Incomplete[]>([]);
  const key = useRef(newIdempotencyKey());
  const others = definition.steps.filter(({ slug }) => slug !== step.slug);

  const close = async () => {
    setMissing([]);
    try {
      await finalize(key.current);
    } catch (error) {
      // Whatever was refused is decided; another try is another request.
      key.current = newIdempotencyKey();
      if (!(error instanceof Problem) || error.code !== 'ONB-0007') throw error;
      setMissing(incompleteOf(error));
      return;
    }
    useBcmStore.getState().setStaleReason(undefined);
    await client.invalidateQueries({ queryKey: ['onboarding'] });
    // The page of the building is closed until the gate has heard of it.
    await askGateUntil(client, session.getState().workspace, ({ onboarding }) => onboarding.status === 'finalizing' || onboarding.status === 'completed');
    void navigate('/onboarding/building');
  };

  return (
    <div className="stack-32">
      <Sheet title={texts.answersTitle} className="answers">
        <p className="secondary">{texts.answersText}</p>
        <QueryPanel query={resume} lines={12}>
          {({ steps }) => (
            <ol className="stack-24">
              {others.map((one) => {
                const found = steps.find(({ slug }) => slug === one.slug);
                const state = found?.state ?? 'pending';
                return (
                  <li key={one.slug} className="stack-8 answer-of-step">
                    <div className="row-apart">
                      <h3>
                        <span className="code muted">{String(one.number).padStart(2, '0')}</span> {one.title}
                      </h3>
                      <span className="tags">
                        <Tag tone={stateTone(state)}>{onboardingTexts.taskList.states[state] ?? state}</Tag>
                        <Link to={`/onboarding/steps/${one.slug}`}>{texts.edit(one.title)}</Link>
                      </span>
                    </div>
                    <Readable fields={one.fields} answer={found?.answer} />
                  </li>
                );
              })}
            </ol>
          )}
        </QueryPanel>
      </Sheet>
      {missing.length > 0 && (
        <Notice kind="error" title={texts.incompleteTitle}>
          <ul className="stack-8">
            {missing.map(({ slug, title, errors }) => (
              <li key={slug}>
                <Link to={`/onboarding/steps/${slug}`}>{title}</Link> <span className="muted">({texts.fields(errors.length)})</span>
              </li>
            ))}
          </ul>
        </Notice>
      )}
      <StepForm workspace={workspace} version={definition.schema_version} step={step} stored={stored} previous={previous} completeLabel={texts.finalize} canComplete={canManage} onFinished={close}>
        <p className="secondary">{canManage ? texts.finalizeText : texts.onlyManagers}</p>
      </StepForm>
    </div>
  );
}
