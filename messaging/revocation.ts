/** Tag of a router's entity: when its key was revoked. Set and taken away by `quorate auth`, together with `disabled`. */
export const revokedTag = 'quorate.revoked';
