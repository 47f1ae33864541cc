-- What a mail carries, by the name that its service knows it by; made when it is sent, not kept here.
alter table mail_outbox add column attachment text check (char_length(attachment) between 1 and 256);
