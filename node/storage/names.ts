/** The names of the files in a data directory. */
export const raftFileName = 'raft.db';
export const modelFileName = 'model.db';
