import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App, makeQueryClient } from '@/App';
import { logUncaught } from '@/log/log';
import { startSession } from '@/session/session';
import '@/styles/index.css';
import '@/pages/public/public.css';

logUncaught();
void startSession();

const root = document.getElementById('root');
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <App client={makeQueryClient()} />
    </StrictMode>,
  );
}
