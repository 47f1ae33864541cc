// What the tests share: clients, accounts, the mails that reach people, and tokens that nobody should accept.

import assert from 'node:assert/strict'
import { createHash, createHmac, generateKeyPairSync, randomBytes, randomUUID, sign } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { AuthClient } from '@supabase/auth-js'

const need = (name) => process.env[name] ?? assert.fail(`${name} is not set`)

export const base = need('SUPABASE_URL')
export const endpoint = `${base}/auth/v1`
const sandbox = need('SANDBOX_URL')
/** The legacy secret of the running provider: with it a test can sign any claims as the provider would have. */
export const secret = need('SUPABASE_JWT_SECRET')

export const PASSWORD = 'correct horse battery'
export const OTHER_PASSWORD = 'an entirely new one'
/** The one place besides its own site where the running provider may lead people. */
export const APP = 'http://app.example.test'
/** After this long an older refresh token is theft, not a slow tab. */
export const REUSE_INTERVAL_MS = 10_000
/** Names of members that no answer may have. */
export const SECRET_MEMBERS = /"[a-z_]*(password|token|hash|secret|instance_id)[a-z_]*":/
/** Clients send it as their Authorization wherever nobody is signed in. */
export const PUBLISHABLE_KEY = 'sb_publishable_0123456789abcdefghij'
/** Servers send it in the same place, and may then do anything to any account. */
export const SECRET_KEY = need('SUPABASE_SECRET_KEY')
/** A secret key that was good once. */
export const REVOKED_KEY = need('SUPABASE_REVOKED_KEY')
const MAIL_PATIENCE_MS = 60_000

export { sleep }

/** The official client. Each has a storage of its own, as in a browser of its own. */
export const client = (options = {}) =>
  new AuthClient({
    url: endpoint,
    headers: { apikey: PUBLISHABLE_KEY, Authorization: `Bearer ${PUBLISHABLE_KEY}` },
    autoRefreshToken: false,
    persistSession: false,
    detectSessionInUrl: false,
    ...options,
  })

/** The same client in a server that has the key. */
export const adminClient = (key = SECRET_KEY) => client({ headers: { apikey: key, Authorization: `Bearer ${key}` } })

export const newEmail = (name = 'user') => `${name}-${randomUUID()}@example.test`

/** What a call gave, when it must have succeeded. */
export const done = ({ data, error }) => {
  assert.equal(error, null, error?.message)
  return data
}

/** Requires that a call was refused with this status and code. */
export const refused = ({ data, error }, status, code) => {
  assert.ok(error, `was not refused with ${code}: ${JSON.stringify(data)}`)
  assert.deepEqual({ status: error.status, code: error.code }, { status, code }, error.message)
}

/** Requires the answer by which clients learn that their session is over. */
export const over = ({ error }) => assert.equal(error?.name, 'AuthSessionMissingError', error?.message ?? 'it is alive')

/** A request as no client would send it, or an answer seen without one. */
export const raw = async (method, path, { token, body, headers } = {}) => {
  const response = await fetch(`${endpoint}${path}`, {
    method,
    redirect: 'manual',
    headers: {
      'Content-Type': 'application/json;charset=UTF-8',
      'X-Supabase-Api-Version': '2024-01-01',
      ...(token && { Authorization: `Bearer ${token}` }),
      ...headers,
    },
    body: typeof body === 'object' && !(body instanceof Uint8Array) ? JSON.stringify(body) : body,
  })
  const text = await response.text()
  let json
  try {
    json = JSON.parse(text)
  } catch {
    json = undefined
  }
  return { status: response.status, headers: response.headers, text, body: json }
}

/** The same as `refused`, for `raw`. */
export const rawRefused = (answer, status, code) =>
  assert.deepEqual({ status: answer.status, code: answer.body?.code }, { status, code }, answer.text)

let reading
const mails = () => {
  // Tests wait together: one request serves all who ask within a quarter of a second.
  reading ??= fetch(`${sandbox}/control/mails`).then((response) => response.json())
  return reading.finally(() => setTimeout(() => (reading = undefined), 250).unref())
}

const kindOf = ({ text }) => {
  const link = text.match(/\/auth\/confirm#(\S+)/)?.[1]
  if (link) return new URLSearchParams(link).get('type')
  return /type this code: /i.test(text) ? 'code' : 'notice'
}

const read = new Set()

/** The newest mail of the kind that no test has read yet. A kind is the link's type, `code` without a link, or `notice`. */
export const letter = async (email, kind) => {
  const end = Date.now() + MAIL_PATIENCE_MS
  while (Date.now() < end) {
    const found = (await mails()).find((mail) => mail.to.includes(email) && kindOf(mail) === kind && !read.has(mail.id))
    if (found) {
      read.add(found.id)
      const link = new URLSearchParams(found.text.match(/\/auth\/confirm#(\S+)/)?.[1] ?? '')
      return {
        code: found.text.match(/type this code: (\d{6})\b/i)?.[1],
        token_hash: link.get('token_hash'),
        redirect_to: link.get('redirect_to'),
        text: found.text,
      }
    }
    await sleep(200)
  }
  assert.fail(`no mail of the kind ${kind} reached ${email}`)
}

export const mailsTo = async (email) => (await mails()).filter((mail) => mail.to.includes(email)).length

/** Signs up somebody who has not read the mail yet. */
export const waiting = async (credentials = {}, auth = client()) => {
  const email = credentials.email ?? newEmail()
  const { user } = done(await auth.signUp({ email, password: PASSWORD, ...credentials }))
  return { email, auth, user }
}

/** A person with a confirmed address, signed in. Costs one mail. */
export const person = async (credentials = {}, auth = client()) => {
  const { email } = await waiting(credentials, auth)
  const { token_hash } = await letter(email, 'signup')
  const { session, user } = done(await auth.verifyOtp({ type: 'signup', token_hash }))
  return { email, auth, session, user }
}

/** Somebody whom a server made, with a confirmed address and signed in nowhere. Costs no mail. */
export const member = async (attributes = {}) => {
  const email = newEmail('member')
  const { user } = done(await adminClient().admin.createUser({ email, password: PASSWORD, email_confirm: true, ...attributes }))
  return { email, id: user.id, user }
}

/** Another device of a person. */
export const device = async (email, password = PASSWORD) => {
  const auth = client()
  const { session } = done(await auth.signInWithPassword({ email, password }))
  return { auth, session }
}

/** Refreshes as a client that holds this token and no other. */
export const refresh = (refresh_token) => client().refreshSession({ refresh_token })

const base64url = (value) => Buffer.from(typeof value === 'object' && !Buffer.isBuffer(value) ? JSON.stringify(value) : value).toString('base64url')

export const part = (token, index) => JSON.parse(Buffer.from(token.split('.')[index], 'base64url').toString())
export const claims = (token) => part(token, 1)

/** A token with the symmetric signature of the holder of `key`. */
export const hs256 = (payload, header = {}, key = secret) => {
  const signed = `${base64url({ alg: 'HS256', typ: 'JWT', ...header })}.${base64url(payload)}`
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`
}

const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' })
export const strangersKey = stranger.publicKey.export({ format: 'jwk' })

/** A token that a stranger signed with a key of their own. */
export const es256 = (payload, header = {}) => {
  const signed = `${base64url({ alg: 'ES256', typ: 'JWT', ...header })}.${base64url(payload)}`
  return `${signed}.${sign('sha256', Buffer.from(signed), { key: stranger.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

/** A genuine token with other claims and the signature that it had. */
export const altered = (token, changes) => {
  const [header, , signature] = token.split('.')
  return `${header}.${base64url({ ...claims(token), ...changes })}.${signature}`
}

/** A genuine token, with one bit of its signature turned. */
export const resigned = (token) => {
  const [header, payload, signature] = token.split('.')
  const bytes = Buffer.from(signature, 'base64url')
  bytes[7] ^= 1
  return `${header}.${payload}.${base64url(bytes)}`
}

/** The public key of a project as it was before keys were opaque: a token of nobody. */
export const legacyKey = (role, key = secret) => {
  const now = Math.floor(Date.now() / 1000)
  return hs256({ iss: 'supabase', ref: 'groundwork', role, iat: now, exp: now + 3600 }, {}, key)
}

/** A refresh token in the provider's own form for the session, signed with a key that was guessed. */
export const forgedRefreshToken = (session, counter) => {
  const signed = Buffer.concat([Buffer.from([0]), Buffer.from(session.replaceAll('-', ''), 'hex'), Buffer.from([counter]), randomBytes(16)])
  return Buffer.concat([signed, createHash('sha256').update(signed).digest().subarray(0, 4)]).toString('base64url')
}

/** Another code than the right one. */
export const wrongCode = (code) => (code === '000000' ? '000001' : '000000')

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** What an authenticator app shows (RFC 6238), now or so many steps of half a minute later. */
export const appCode = (base32, later = 0) => {
  const bits = [...base32.replace(/=+$/, '')].map((letter) => BASE32.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)))
  const step = Buffer.alloc(8)
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + later))
  const mac = createHmac('sha1', key).update(step).digest()
  const number = mac.readUInt32BE(mac[19] & 15) & 0x7fffffff
  return String(number % 1_000_000).padStart(6, '0')
}
