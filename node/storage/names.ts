/** The names of the files and folders in a data directory. */
export const raftFileName = 'raft.db';
export const modelFileName = 'model.db';
/** Snapshots on their way to followers. */
export const transferFolderName = 'transfer';
/** Snapshots that were asked for without a path. */
export const snapshotsFolderName = 'snapshots';
/** Snapshots that operators asked for, and what a reset has put aside. */
export const backupsFolderName = 'backups';
/** A snapshot that is to be restored. */
export const restoreFolderName = 'restore';
