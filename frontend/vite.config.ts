import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

const gateway = process.env.GATEWAY_URL ?? 'http://127.0.0.1:8080';
const toTheGateway = { '/api': gateway, '/auth/v1': gateway, '/gateway': gateway, '/errors': gateway };

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { '@': fileURLToPath(new URL('src', import.meta.url)) } },
  server: { proxy: toTheGateway },
  preview: { proxy: toTheGateway },
  build: {
    target: ['chrome123', 'firefox121', 'safari17.5'],
    // Everything is a file of its own: the policy of the gateway allows no data: in fonts and scripts.
    assetsInlineLimit: 0,
    manifest: true,
  },
  test: {
    environment: 'jsdom',
    environmentOptions: { jsdom: { url: 'http://localhost/' } },
    setupFiles: ['tests/setup.ts'],
    include: ['src/**/*.test.{ts,tsx}', 'tests/**/*.test.{ts,tsx}'],
    restoreMocks: true,
    maxWorkers: 2,
    testTimeout: 45_000,
  },
});
