import { NavLink } from 'react-router';
import { Fig } from '@/components/Sheet';
import type { Definition } from '@/onboarding/definition';
import type { Resume } from '@/onboarding/queries';
import { onboardingTexts } from '@/texts/onboarding';

const MARKS: Record<string, string> = { complete: '✓', skipped: '–', draft: '•', invalid: '!', pending: '' };

/** All steps beside the present one. */
export function StepsRail({ definition, resume }: { definition: Definition; resume: Resume | undefined }) {
  const stateOf = (slug: string) => resume?.steps.find((step) => step.slug === slug)?.state ?? 'pending';
  return (
    <nav className="steps-rail" aria-label={onboardingTexts.step.steps}>
      {definition.phases.map((phase) => (
        <div key={phase.number}>
          <Fig plain>{phase.title}</Fig>
          <ol>
            {definition.steps
              .filter((step) => step.phase === phase.number)
              .map((step) => {
                const state = stateOf(step.slug);
                return (
                  <li key={step.slug}>
                    <NavLink to={`/onboarding/steps/${step.slug}`}>
                      <span className="code">{String(step.number).padStart(2, '0')}</span> <span>{step.title}</span>
                      <span className={`mark-${state}`} aria-hidden="true">
                        {MARKS[state]}
                      </span>
                      <span className="hidden-visually">, {onboardingTexts.taskList.states[state]}</span>
                    </NavLink>
                  </li>
                );
              })}
          </ol>
        </div>
      ))}
    </nav>
  );
}
