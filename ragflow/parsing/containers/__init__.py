"""What documents does a document hold: archives as folders of them, mails with attachments?"""
