"""Google services other than Firestore: Cloud Tasks, Firebase Auth, App Check, Cloud Messaging, Cloud KMS."""
