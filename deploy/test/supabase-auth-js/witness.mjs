// Supabase's own client, unmodified, against the embedded identity provider: whoever speaks that protocol can use ours.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { AuthClient } from '@supabase/auth-js'

const gateway = process.env.GATEWAY_URL
assert.ok(gateway, 'GATEWAY_URL is not set')

const client = () =>
  new AuthClient({
    url: `${gateway}/auth/v1`,
    headers: { apikey: 'sb_publishable_any', Authorization: 'Bearer sb_publishable_any' },
    autoRefreshToken: false,
    persistSession: false,
    detectSessionInUrl: false,
  })

const steps = []
const step = async (name, work) => {
  await work()
  steps.push(name)
  console.log(`ok  ${name}`)
}

const email = `witness-${randomUUID()}@example.test`
const password = 'a witness needs a long password'
const auth = client()
let first

await step('signUp gives a session', async () => {
  const { data, error } = await auth.signUp({ email, password, options: { data: { name: 'Witness' } } })
  assert.equal(error, null)
  assert.equal(data.user.email, email)
  assert.equal(data.user.user_metadata.name, 'Witness')
  assert.equal(data.session.token_type, 'bearer')
  first = data.session
})

await step('signUp again says that the user exists', async () => {
  const { data, error } = await client().signUp({ email: email.toUpperCase(), password })
  assert.equal(error.code, 'user_already_exists')
  assert.equal(error.status, 422)
  assert.equal(data.session, null)
})

await step('a weak password is named as such', async () => {
  const { error } = await client().signUp({ email: `x${email}`, password: 'short' })
  assert.equal(error.name, 'AuthWeakPasswordError')
  assert.deepEqual(error.reasons, ['length'])
})

await step('signInWithPassword gives another session', async () => {
  const { data, error } = await auth.signInWithPassword({ email, password })
  assert.equal(error, null)
  assert.notEqual(data.session.refresh_token, first.refresh_token)
})

await step('a wrong password has the code invalid_credentials', async () => {
  const { data, error } = await client().signInWithPassword({ email, password: `${password}!` })
  assert.equal(error.code, 'invalid_credentials')
  assert.equal(error.status, 400)
  assert.equal(data.session, null)
})

await step('refreshSession rotates the refresh token', async () => {
  const before = (await auth.getSession()).data.session
  const { data, error } = await auth.refreshSession()
  assert.equal(error, null)
  assert.notEqual(data.session.refresh_token, before.refresh_token)
  assert.equal(data.session.user.id, before.user.id)
})

await step('getUser asks the server', async () => {
  const { data, error } = await auth.getUser()
  assert.equal(error, null)
  assert.equal(data.user.email, email)
  assert.equal(data.user.identities[0].provider, 'email')
})

await step('getClaims verifies by the published keys', async () => {
  const { data, error } = await auth.getClaims()
  assert.equal(error, null)
  assert.equal(data.header.alg, 'ES256')
  assert.equal(data.claims.email, email)
})

await step('setSession takes tokens from elsewhere', async () => {
  const { access_token, refresh_token } = (await auth.getSession()).data.session
  const { data, error } = await client().setSession({ access_token, refresh_token })
  assert.equal(error, null)
  assert.equal(data.user.email, email)
})

await step('signOut ends every session', async () => {
  const { refresh_token, access_token } = (await auth.getSession()).data.session
  const { error } = await auth.signOut()
  assert.equal(error, null)
  for (const dead of [refresh_token, first.refresh_token]) {
    const { error } = await client().refreshSession({ refresh_token: dead })
    assert.equal(error.code, 'refresh_token_not_found')
  }
  const { error: gone } = await client().getUser(access_token)
  assert.equal(gone.name, 'AuthSessionMissingError')
})

console.log(`${steps.length} steps, all as the client expects`)
