import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { FormProvider, useForm } from 'react-hook-form';
import { useNavigate } from 'react-router';
import { Problem } from '@/api/problem';
import { Button, LinkButton } from '@/components/Button';
import { ConfirmDialog } from '@/components/Dialog';
import { ErrorNotice, Notice } from '@/components/Notice';
import { useSubmit } from '@/components/use-submit';
import { useBcmStore } from '@/bcm/bcm-store';
import { askGateAgain, useGate } from '@/gate/gate-query';
import { announce } from '@/live/announcer';
import { fieldAt, labelAt, toAnswer, toValues, type Answer, type Values } from '@/onboarding/answer';
import type { Stored } from '@/onboarding/autosave';
import { check, type Finding } from '@/onboarding/check';
import type { Step } from '@/onboarding/definition';
import { completeStep, skipStep, type FinishedStep } from '@/onboarding/queries';
import { useAutosave } from '@/onboarding/use-autosave';
import { onboardingTexts } from '@/texts/onboarding';
import { ConflictDialog } from './ConflictDialog';
import { FieldInput } from './form/FieldInput';
import { SaveLine } from './SaveLine';

const texts = onboardingTexts.step;

interface StepFormProps {
  workspace: string;
  /** Of the definition that the step is from. */
  version: string;
  step: Step;
  stored: Stored;
  previous: Step | undefined;
  /** What is done once the step is complete; by default the next one is opened. */
  onFinished: (finished: FinishedStep) => Promise<void> | void;
  completeLabel?: string;
  /** Whether completing is offered at all; saving always is. */
  canComplete?: boolean;
  children?: ReactNode;
}

/** What the server says of a complete answer, as findings; its pointers lead into the body. */
function findingsOf(problem: Problem): Finding[] {
  return problem.errors.map(({ pointer, message }) => ({ pointer: pointer.replace(/^\/answer/, ''), message }));
}

function ErrorSummary({ step, findings }: { step: Step; findings: Finding[] }) {
  const summary = useRef<HTMLDivElement>(null);
  useEffect(() => summary.current?.focus(), [findings]);
  return (
    <div className="notice notice-error error-summary" ref={summary} tabIndex={-1} role="group" aria-label={texts.errorsTitle(findings.length)}>
      <p className="notice-title">{texts.errorsTitle(findings.length)}</p>
      <ul>
        {findings.map(({ pointer, message }) => {
          const field = fieldAt(step.fields, pointer);
          return (
            <li key={pointer + message}>
              <a
                href={`#${field ?? ''}`}
                onClick={(event) => {
                  event.preventDefault();
                  document.getElementById(field ?? '')?.focus();
                }}
              >
                {labelAt(step.fields, pointer)}: {message}
              </a>
            </li>
          );
        })}
      </ul>
    </div>
  );
}

export function StepForm({ workspace, version, step, stored, previous, onFinished, completeLabel = texts.complete, canComplete = true, children }: StepFormProps) {
  const navigate = useNavigate();
  const client = useQueryClient();
  const { next } = useGate();
  const form = useForm<Values>({ defaultValues: useMemo(() => toValues(step.fields, stored.answer), [step, stored]) });
  const [findings, setFindings] = useState<Finding[]>([]);
  const [recovered, setRecovered] = useState(false);
  const [putOff, setPutOff] = useState(false);
  const [skipping, setSkipping] = useState(false);
  const answerNow = () => toAnswer(step.fields, form.getValues());

  const show = (answer: Answer | null) => form.reset(toValues(step.fields, answer));
  const { state, saver } = useAutosave({
    workspace,
    slug: step.slug,
    version,
    stored,
    onRecovered: (answer) => {
      show(answer);
      setRecovered(true);
    },
  });

  const addErrors = (found: Finding[]) => {
    for (const { pointer, message } of found) {
      const field = fieldAt(step.fields, pointer);
      if (field !== undefined) form.setError(field, { type: 'check', message });
    }
  };
  const setErrors = (found: Finding[]) => {
    form.clearErrors();
    addErrors(found);
  };

  useEffect(() => {
    if (saver === undefined) return;
    return form.subscribe({
      formState: { values: true },
      callback: ({ name }) => {
        // A reset has no name; nobody typed.
        if (name === undefined) return;
        const answer = answerNow();
        const [first] = check(step, answer, 'draft');
        saver.change(answer, first && labelAt(step.fields, first.pointer));
        // Errors of the last try to complete go away where something was changed.
        form.clearErrors(name);
      },
    });
    // `answerNow` and `step` belong to the same step for the life of this form.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [saver, form, step]);

  const finish = async (finished: FinishedStep, words: string) => {
    saver?.adopt(finished.revision, new Date().toISOString());
    announce(words);
    if (next === 'app') {
      const bcm = useBcmStore.getState();
      bcm.enter(workspace);
      bcm.setStaleReason('edited');
    }
    await client.invalidateQueries({ queryKey: ['onboarding'] });
    void askGateAgain(client);
    await onFinished(finished);
  };

  const complete = useSubmit(async () => {
    const answer = answerNow();
    const found = check(step, answer, 'complete');
    setErrors(found);
    setFindings(found);
    if (found.length > 0 || saver === undefined) return;
    // What waits goes first, so that completing is made on the newest revision.
    await saver.flush();
    try {
      await finish(await completeStep(step.slug, answer, { revision: saver.knownRevision, version }), texts.completed(step.title));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (saver.meet(error, answer)) return;
      if (error.code !== 'ONB-0004') throw error;
      const told = findingsOf(error);
      setErrors(told);
      setFindings(told);
    }
  }, texts.errors);

  const skip = useSubmit(async () => {
    if (saver === undefined) return;
    await saver.flush();
    try {
      await finish(await skipStep(step.slug, saver.knownRevision), texts.skipped(step.title));
    } catch (error) {
      if (!(error instanceof Problem && saver.meet(error, answerNow()))) throw error;
    }
  }, texts.errors);

  const exit = useSubmit(async () => {
    await saver?.flush();
    await client.invalidateQueries({ queryKey: ['onboarding'] });
    void navigate('/onboarding');
  });

  return (
    <FormProvider {...form}>
      {/* Leaving a field bubbles up to here, and saves. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (canComplete) void complete.run();
        }}
        onBlur={() => {
          // What keeps the step from being saved stands beside its field as soon as that is left.
          addErrors(check(step, answerNow(), 'draft'));
          void saver?.flush();
        }}
      >
        <div className="sheet ticks step-form">
          {recovered && (
            <Notice>
              <p role="status">{onboardingTexts.save.recovered}</p>
            </Notice>
          )}
          {findings.length > 0 && <ErrorSummary step={step} findings={findings} />}
          {complete.error !== undefined && <ErrorNotice error={complete.error} byCode={texts.errors} />}
          {skip.error !== undefined && <ErrorNotice error={skip.error} byCode={texts.errors} />}
          {step.fields.map((field) => (
            <FieldInput key={field.name} field={field} path={field.name} within="" />
          ))}
          {children}
        </div>
        <div className="save-bar">
          <SaveLine state={state} onRetry={() => saver?.retry()} onDecide={() => setPutOff(false)} />
          <div className="step-actions">
            <div className="row">
              {previous && (
                <LinkButton kind="quiet" className="step-previous" to={`/onboarding/steps/${previous.slug}`}>
                  ← {previous.title}
                </LinkButton>
              )}
              <Button kind="quiet" busy={exit.busy} onClick={() => void exit.run()}>
                {texts.saveAndExit}
              </Button>
            </div>
            <div className="row">
              {step.optional && <Button onClick={() => setSkipping(true)}>{texts.skip}</Button>}
              {canComplete && (
                <Button type="submit" kind="primary" busy={complete.busy}>
                  {completeLabel}
                </Button>
              )}
            </div>
          </div>
        </div>
      </form>
      <ConfirmDialog
        open={skipping}
        title={texts.skipTitle}
        text={<p>{texts.skipText}</p>}
        confirm={texts.skip}
        busy={skip.busy}
        onClose={() => setSkipping(false)}
        onConfirm={() => void skip.run().finally(() => setSkipping(false))}
      />
      {state.kind === 'conflict' && (
        <ConflictDialog
          open={!putOff}
          step={step}
          mine={answerNow()}
          theirs={state.theirs}
          onMine={() => {
            saver?.keepMine();
            setPutOff(false);
          }}
          onTheirs={() => {
            const theirs = saver?.takeTheirs();
            if (theirs) show(theirs.answer);
            setPutOff(false);
          }}
          onLater={() => setPutOff(true)}
        />
      )}
    </FormProvider>
  );
}
