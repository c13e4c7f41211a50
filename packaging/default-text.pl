#!/usr/bin/perl
# Cleans the English prose of the packages in text-packages.txt into FOLDER/learn.txt and FOLDER/heldout.txt.
# One paragraph a line, a blank line between documents. Every 25th document, per source, is held out.
use strict;
use warnings;
use Encode qw(decode encode FB_DEFAULT);

my $folder = shift or die "usage: default-text.pl FOLDER\n";
open my $learn, '>:encoding(UTF-8)', "$folder/learn.txt" or die "$folder/learn.txt: $!\n";
open my $heldout, '>:encoding(UTF-8)', "$folder/heldout.txt" or die "$folder/heldout.txt: $!\n";
my (%seen, %documents);

sub slurp {
    my ($path) = @_;
    my $how = $path =~ /\.(gz|dz)$/ ? "zcat \Q$path\E |" : "< $path";
    open(my $file, $how) or die "$path: $!\n";
    local $/;
    return decode('UTF-8', scalar <$file>, FB_DEFAULT);
}

# Prose: long enough, mostly letters, few symbols. Returns the paragraph on one line, or nothing.
sub prose {
    my ($text) = @_;
    $text =~ s/\s+/ /g;
    $text =~ s/^ | $//g;
    $text =~ tr/\x{2018}\x{2019}\x{201c}\x{201d}\x{2013}\x{a0}/''""\- /;
    return if length $text < 60 || $text !~ /[.!?:;)"']$/;
    my $letters = () = $text =~ /[A-Za-z ,.]/g;
    return if $letters < 0.86 * length $text;
    return if $text =~ /\x{FFFD}/ || $seen{$text}++;
    return $text;
}

# Takes the paragraphs of one document.
sub document {
    my ($source, @paragraphs) = @_;
    my @kept = grep { defined } map { scalar prose($_) } @paragraphs;
    return unless @kept;
    my $file = $documents{$source}++ % 25 == 12 ? $heldout : $learn;
    print $file join("\n", @kept), "\n\n";
}

sub html {
    my ($path) = @_;
    my $text = slurp($path);
    $text =~ s/<(script|style|pre|table|head)\b.*?<\/\1>//gis;
    my @paragraphs;
    while ($text =~ /<(?:p|div class="para")[^>]*>(.*?)<\/(?:p|div)>/gis) {
        my $paragraph = $1;
        $paragraph =~ s/<[^>]+>//g;
        $paragraph =~ s/&lt;/</g; $paragraph =~ s/&gt;/>/g; $paragraph =~ s/&quot;/"/g; $paragraph =~ s/&nbsp;|&#160;/ /g;
        $paragraph =~ s/&#(\d+);/chr $1/ge; $paragraph =~ s/&#x([0-9a-f]+);/chr hex $1/gie; $paragraph =~ s/&amp;/&/g;
        push @paragraphs, $paragraph;
    }
    return @paragraphs;
}

sub pod {
    my ($path) = @_;
    my @paragraphs;
    for my $paragraph (split /\n\s*\n/, slurp($path)) {
        next if $paragraph =~ /^[ \t=]/;    # code, commands
        # Markup such as C<code>, I<italic>, L<text|target>, from the inside out.
        1 while $paragraph =~ s/L<([^<>|]*)\|[^<>]*>/$1/g || $paragraph =~ s/E<lt>/</g || $paragraph =~ s/E<gt>/>/g
            || $paragraph =~ s/[XZ]<[^<>]*>//g || $paragraph =~ s/[A-Z]<{2,} (.*?) >{2,}/$1/gs || $paragraph =~ s/[BCFILNS]<([^<>]*)>/$1/g;
        push @paragraphs, $paragraph;
    }
    return @paragraphs;
}

sub rst {
    my ($path) = @_;
    my @paragraphs;
    for my $paragraph (split /\n\s*\n/, slurp($path)) {
        next if $paragraph =~ /^\s*(\.\.|[=~\-*^]{4,}|\||\+)/;
        $paragraph =~ s/:\w+:`([^`<]*?)\s*(?:<[^`]*>)?`/$1/g;
        $paragraph =~ s/``?([^`<]*?)\s*(?:<[^`]*>)?`_*`?_*/$1/g;
        $paragraph =~ s/[*|]+//g;
        push @paragraphs, $paragraph;
    }
    return @paragraphs;
}

# A dictionary: headwords at the margin, indented definitions.
sub dictionary {
    my ($source, $path) = @_;
    my @paragraphs;
    for my $paragraph (split /\n\s*\n/, slurp($path)) {
        if ($paragraph =~ /^\S/) {
            document($source, @paragraphs) if @paragraphs;
            @paragraphs = ();
            $paragraph =~ s/^\S.*\n?//mg;
        }
        $paragraph =~ s/\n\s+/ /g;
        $paragraph =~ s/[{}]//g;
        $paragraph =~ s/^\s*<[^>]*>\s*//;
        push @paragraphs, $paragraph;
    }
    document($source, @paragraphs);
}

document('handbook', html($_)) for sort glob '/usr/share/doc/debian-handbook/html/en-US/*.html';
my @pods = sort split /\n/, `find /usr/share/perl /usr/share/doc/perl-doc -name '*.pod' 2>/dev/null`;
document('perl', pod($_)) for @pods;
document('reference', rst($_)) for sort glob '/usr/share/developers-reference/_sources/*.rst.txt';
dictionary('foldoc', '/usr/share/dictd/foldoc.dict.dz');
dictionary('jargon', '/usr/share/dictd/jargon.dict.dz');
{
    # A chapter is a document, five verses a paragraph.
    my ($chapter, @verses) = ('');
    my $flush = sub {
        my @paragraphs;
        push @paragraphs, join ' ', splice @verses, 0, 5 while @verses;
        document('bible', @paragraphs);
    };
    open my $bible, '-|', 'bible', '-f', 'gen1:1-rev22:21' or die "bible: $!\n";
    while (<$bible>) {
        next unless /^(\S+?):\d+ (.*)/;
        if ($1 ne $chapter) { $flush->() if @verses; $chapter = $1 }
        push @verses, $2;
    }
    $flush->();
}
close $learn or die "learn.txt: $!\n";
close $heldout or die "heldout.txt: $!\n";
