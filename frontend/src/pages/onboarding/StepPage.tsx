import { useQuery } from '@tanstack/react-query';
import { useNavigate, useParams } from 'react-router';
import { Page } from '@/components/Page';
import { Fig } from '@/components/Sheet';
import { QueryPanel, Skeleton } from '@/components/QueryPanel';
import { useWorkspace } from '@/gate/gate-query';
import { useDefinition, type Definition, type Step } from '@/onboarding/definition';
import { readStep, useResume } from '@/onboarding/queries';
import { onboardingTexts } from '@/texts/onboarding';
import NotFound from '../public/NotFound';
import { ReviewForm } from './ReviewForm';
import { StepForm } from './StepForm';
import { StepsRail } from './StepsRail';
import './onboarding.css';

const texts = onboardingTexts.step;

function OneStep({ definition, step }: { definition: Definition; step: Step }) {
  const workspace = useWorkspace();
  const navigate = useNavigate();
  const resume = useResume();
  // Opened anew, a step is read anew: what another device saved meanwhile must not be overwritten by an old copy.
  const stored = useQuery({
    queryKey: ['step', workspace.id, step.slug],
    queryFn: () => readStep(step.slug),
    staleTime: 0,
    gcTime: 0,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });
  const phase = definition.phases.find(({ number }) => number === step.phase)?.title ?? '';
  const previous = definition.steps.find(({ number }) => number === step.number - 1);
  const next = definition.steps.find(({ number }) => number === step.number + 1);
  return (
    <div className="onboarding">
      <StepsRail definition={definition} resume={resume.data} />
      <Page
        title={step.title}
        above={<Fig number={step.number}>{texts.above(phase, step.number, definition.steps.length)}</Fig>}
        lead={
          <p>
            {step.help} <span className="muted">{step.optional ? texts.optional : texts.about(step.minutes)}</span>
          </p>
        }
      >
        <QueryPanel query={stored} lines={8}>
          {(data) =>
            step.slug === 'review' ? (
              <ReviewForm workspace={workspace.id} definition={definition} step={step} stored={data} previous={previous} />
            ) : (
              <StepForm
                workspace={workspace.id}
                version={definition.schema_version}
                step={step}
                stored={data}
                previous={previous}
                onFinished={() => void navigate(next ? `/onboarding/steps/${next.slug}` : '/onboarding')}
              />
            )
          }
        </QueryPanel>
      </Page>
    </div>
  );
}

export default function StepPage() {
  const { slug } = useParams();
  const definition = useDefinition();
  if (definition.data === undefined) {
    return (
      <Page title={texts.steps} className="middle">
        {definition.isError ? <QueryPanel query={definition}>{() => null}</QueryPanel> : <Skeleton lines={8} />}
      </Page>
    );
  }
  const step = definition.data.steps.find((one) => one.slug === slug);
  if (step === undefined) return <NotFound />;
  return <OneStep key={step.slug} definition={definition.data} step={step} />;
}
